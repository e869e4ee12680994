"""The storm is over: what was broken is mended, money is there, and everything has to come to its end by itself."""

from tests.storm.environment import ONE_BUILD

# By the hour at first; then in steps in which an image that hangs (12 hours) and whoever waits for a day get there.
_STEPS = ["10m", "10m", "1h", "1h", "1h"] + ["5h"] * 16


def drain(environment) -> None:
    """Lets time pass until nothing is left to do."""
    _end_the_trouble(environment)
    for span in _STEPS:
        environment.aws.is_quiet_within(8)
        if _is_quiet(environment):
            return
        environment.advance(span)
    environment.doubt(f"it is not quiet after {len(_STEPS)} steps")


def _end_the_trouble(environment) -> None:
    from tests.storm import attackers

    environment.aws.forget()
    armed = environment.aws.control("faults")["armed"]
    for point in armed:
        (environment.aws.state_dir / "faults" / point).unlink(missing_ok=True)
    environment.count("kills", environment.figures["kills_armed"] - len(armed))
    for key in sorted(environment.broken):
        attackers.mend(environment, key)
    plenty = dict.fromkeys(("daily", "monthly", "emergency"), 10_000_000 * ONE_BUILD)
    environment.policy(budgets=plenty, max_concurrent_builds=20, off_peak_window="00:00-23:59 UTC", low_needs_approval=False)
    environment.invoke("schedule-builds")


def _is_quiet(environment) -> bool:
    return not (
        environment.running()
        or any(not one["cleared_at"] for one in environment.table.query("CLEARING"))
        or any(one.get("held") or one.get("next") for one in environment.table.query("CLAIM"))
        or any(not one["responded_at"] for base in environment.bases for one in environment.table.query(base.partition, "UPDATE#"))
    )
