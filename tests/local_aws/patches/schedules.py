"""Schedules and scheduled rules follow the virtual clock; however often one came due in a jump, it fires once.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
"""

import logging
import threading
import time

from ministack.services import eventbridge, scheduler

from tests.local_aws import context
from tests.local_aws.patches.source import replace

_ticking = threading.Lock()


def tick() -> None:
    """Fires what is due."""
    with _ticking:
        now = time.time()
        for fired in (scheduler._schedule_last_fired, eventbridge._rule_last_fired):
            for key, moment in list(fired.items()):
                # Time was set back: the next is counted from now.
                fired[key] = min(moment, now)
        scheduler._tick_schedules()
        eventbridge._tick_scheduled_rules()


def _loop() -> None:
    while True:
        time.sleep(1)
        try:
            tick()
        except Exception:
            logging.getLogger("local").exception("a schedule could not be fired")


def install() -> None:
    replace(scheduler, "_ticker_loop", "51e1b1334023")(lambda: None)
    replace(eventbridge, "_scheduler_loop", "7795e8e084ff")(_loop)
    # A cron schedule is counted from the first look at it: that must be before time moves.
    context.clock.before_move(lambda _: tick())
    context.clock.after_move(lambda _: tick())
