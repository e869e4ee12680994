"""Time is moved only when nothing is under way, and the move is answered once what it set off is over.

So a test can write `start; advance; look`. What is under way: functions that run, events and records of a
stream on their way to a function, executions between two waits. What waits for a virtual moment or for a callback, a
build in its stages, or a batch that waits to be tried again is not. It is waited for a few seconds at most.
"""

import time

from ministack.services import lambda_svc
from ministack.services import stepfunctions as sfn

from tests.local_aws import context, control
from tests.local_aws.clock import PATIENCE
from tests.local_aws.patches import async_invocation, step_functions, streams

_LOOKS, _BETWEEN = 3, 0.02


def idle() -> bool:
    if lambda_svc.executions_in_flight()[0] or async_invocation.under_way() or not streams.settled():
        return False
    if not context.clock.all_looked():
        return False
    return all(
        arn in step_functions.parked for (_, _, arn), one in sfn._executions.all_items() if one["status"] == "RUNNING"
    )


def settle(patience: float = PATIENCE) -> bool:
    """Waits till all is quiet at several looks in a row; False when patience ran out first."""
    end = time.monotonic() + patience
    quiet = 0
    while quiet < _LOOKS:
        if time.monotonic() >= end:
            return False
        quiet = quiet + 1 if idle() else 0
        time.sleep(_BETWEEN)
    return True


@control.route("POST", "settle")
def _settle(body):
    (seconds,) = control.fields(body, seconds=PATIENCE)
    return {"quiet": settle(float(seconds))}


@control.route("GET", "invocations")
def _invocations(_body):
    return {"running": lambda_svc.executions_in_flight()[0]}


def install() -> None:
    context.clock.before_move(lambda _: settle(context.clock.patience))
    context.clock.after_move(lambda _: settle(context.clock.patience))
