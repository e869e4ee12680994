"""What MiniStack lacks or has wrong, one idea a module.

Each module has `install()`. What it replaces in MiniStack it replaces through `source.replace`, which
refuses to work when the source is not the one that the patch was written for; each names the page of
the AWS documentation whose behaviour it restores.
"""

from importlib import import_module

MODULES = [
    "functions",
    "images",
    "findings",
    "instances",
    "parameters",
    "image_builder",
    "cloudformation",
    "step_functions",
    "streams",
    "async_invocation",
    "schedules",
    "dynamodb",
    "authorization",
    "leading_keys",
    "state_machine_roles",
    "throttling",
    "faults",
    # The last: when time has been moved, what the others do about it comes first.
    "quiet",
]


def install() -> None:
    for name in MODULES:
        import_module(f"{__name__}.{name}").install()
