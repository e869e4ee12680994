"""Two who decide by the same reading of the money: the write decides which of them gets it."""

from datetime import timedelta

import pytest

from tests.system import balances
from tests.system.test_budget import left


@pytest.mark.parametrize("policy, item, reason", [
    (lambda world: {"budgets": left(world, "emergency", 1.5)}, "emergency#", "emergency money does not pay for it"),
    (lambda world: {"max_concurrent_builds": 1}, "running", "of 1 builds are running"),
], ids=["money", "builders"])  # fmt: skip
def test_of_two_builds_that_read_the_same_one_goes_and_the_other_waits(world, policy, item, reason):
    slow, fast = world.template(), world.template()
    world.policy(**policy(world))
    world.aws.settle()  # nobody else asks
    for template in (slow, fast):
        template.will("hang")
    # plan-build reads it, and then reserve-budget: that is answered late, with what was true before the other one went.
    world.aws.delay("dynamodb", 0.01, operation="GetItem", containing=item)
    world.aws.delay("dynamodb", 30, operation="GetItem", containing=item)
    execution = world.start(slow, urgent=True)
    world.until(lambda: not world.aws.delays())
    assert "ReserveBudget" in world.states(execution), "it is reserve-budget that decides"
    soon = world.now() + timedelta(hours=1)  # so that it is the first in the queue
    world.start(fast, urgent=True, deadline=soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    world.until(lambda: (fast.build() or {}).get("reservation"))
    world.aws.forget()
    assert reason in slow.waits()["reason"]
    assert slow.build()["reservation"] is None and balances.running(world.table) == 1


def test_a_build_is_not_paid_by_a_budget_that_was_lowered_while_it_was_decided(world):
    template = world.template()
    world.policy(budgets=left(world, "monthly", 5))
    world.aws.settle()  # nobody else asks
    # reserve-budget asks for the queue, and is answered late.
    world.aws.delay("dynamodb", 4, operation="Query", containing='"CLAIM"')
    execution = world.start(template)
    world.until(lambda: not world.aws.delays())
    assert "ReserveBudget" in world.states(execution), "it is reserve-budget that decides"
    world.policy(budgets=left(world, "monthly", 0.5))
    world.aws.forget()
    # The month's rest is too small, or its whole budget, if nothing has been spent of it.
    reason = template.waits()["reason"]
    assert "waits for next month's budget" in reason or "more than the whole monthly budget" in reason, reason
    assert template.build()["reservation"] is None
