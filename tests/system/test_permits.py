"""One more request never makes a build later: it keeps what each of its requests lets it do."""

from tests.system.test_budget import limits
from tests.system.test_due import lacking


def test_a_rebuild_for_tonight_stays_for_tonight_if_somebody_asks_urgently_and_emergency_money_is_spent(world):
    template = lacking(world, "high")
    waiting = world.look(template)
    assert "off-peak window" in template.waits()["reason"]
    world.policy(budgets=limits(emergency=0))
    world.start(template, urgent=True)
    world.until(lambda: len(template.builds()) == 3)
    assert world.ended(waiting)["status"] == "SUCCEEDED", "another takes its place"
    reason = template.waits()["reason"]
    assert "off-peak window" in reason and "emergency money does not pay for it" in reason, reason
    template.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: template.endings()[-1] == "complete")
    assert template.build(3)["reservation"]["source"] == "daily"


def test_a_critical_fix_that_emergency_money_does_not_pay_for_is_built_like_a_high_one_unless_the_policy_says_no(world):
    template = lacking(world, "critical")
    world.policy(budgets=limits(emergency=0), emergency_overflow=False)
    world.look(template)
    assert "emergency budget" in template.waits()["reason"]
    world.policy(budgets=limits(emergency=0))
    world.invoke("schedule-builds")
    template.will("succeed")
    # It is due four hours after it was found, and the off-peak window would be too late.
    world.advance("4h")
    world.until(lambda: template.endings()[-1] == "complete")
    assert template.build(2)["reservation"]["source"] == "daily"


def test_who_asks_without_urgency_does_not_wait_for_the_approval_of_emergency_money(world):
    template = world.template()
    world.policy(emergency_needs_approval=True)
    urgent = world.start(template, urgent=True)
    assert "waits for approval of $" in template.waits()["reason"]
    template.will("succeed")
    assert world.ended(world.start(template))["status"] == "SUCCEEDED"
    assert world.ended(urgent)["status"] == "SUCCEEDED"
    assert template.endings() == ["complete"] and template.build()["reservation"]["source"] == "monthly"
