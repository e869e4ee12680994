"""Replacing a function of MiniStack, and noticing when an upgrade has changed it."""

import hashlib
import inspect


class Changed(RuntimeError):
    """The source that a patch was written against is not the one installed."""


def digest(function) -> str:
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]


def replace(module, name: str, source: str):
    """Decorates the function that takes the place of `module.name`, whose source must have this digest.

    The replacement finds the replaced function as its attribute `original`.
    """

    def put(replacement):
        original = getattr(module, name)
        found = digest(original)
        if found != source:
            raise Changed(
                f"{module.__name__}.{name} has changed ({found}, the patch was written for {source}): "
                "read it again, then the patch, then correct the digest"
            )
        replacement.original = original
        setattr(module, name, replacement)
        return replacement

    return put
