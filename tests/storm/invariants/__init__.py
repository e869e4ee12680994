"""What must hold after every storm. Each invariant is a function of the result of a storm, which yields a line for each violation."""

from tests.storm.invariants import builds, images, money, notices, updates

ALL = [*money.INVARIANTS, *builds.INVARIANTS, *images.INVARIANTS, *notices.INVARIANTS, *updates.INVARIANTS]


# How many violations of one invariant are printed; the rest are counted.
_TOLD = 5


def violations(result) -> list:
    """A line for each violation of an invariant."""
    lines = []
    for invariant in ALL:
        found = list(dict.fromkeys(invariant(result)))
        lines += [f"{invariant.__name__}: {text}" for text in found[:_TOLD]]
        if len(found) > _TOLD:
            lines.append(f"{invariant.__name__}: and {len(found) - _TOLD} more")
    return lines
