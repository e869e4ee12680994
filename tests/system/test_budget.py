"""Money and windows: when a build starts, and who pays."""

from tests.system import balances

DOLLAR = 1_000_000


def limits(daily=25, monthly=500, emergency=50) -> dict:
    return {"daily": int(daily * DOLLAR), "monthly": int(monthly * DOLLAR), "emergency": int(emergency * DOLLAR)}


def left(world, pot: str, dollars) -> dict:
    """Limits that leave this much of the day's or month's `daily`, `monthly` or `emergency` budget: tests that share a
    ledger may have spent of it."""
    span = "%Y-%m-%d" if pot == "daily" else "%Y-%m"
    spent = balances.read(world.table).get(f"{pot}#{world.now():{span}}", {"committed": 0})["committed"]
    return limits(**{pot: spent / DOLLAR + dollars})


def test_of_two_builds_and_money_for_one_the_second_waits_for_the_next_day_and_is_built(world):
    one = world.template()
    other = world.template(one.base)
    one.built(), other.built()
    world.policy(budgets=limits(daily=1.5))
    world.publish(one.base)
    world.watch()
    one.waits(), other.waits()
    one.will("succeed"), other.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: sorted(map(len, ([e for e in t.endings() if e] for t in (one, other)))) == [1, 2])
    first, second = sorted((one, other), key=lambda template: None in template.endings())

    def waits_for_money():
        parked = second.parked()
        return parked and "tomorrow's daily budget" in parked["reason"] and parked

    parked = world.until(waits_for_money)
    assert "is left and the build needs" in parked["reason"]
    world.invoke("schedule-builds")
    world.aws.settle()
    assert second.endings() == ["complete", None], "it has no money yet"
    today = f"daily#{world.now():%Y-%m-%d}"
    assert balances.read(world.table)[today]["committed"] <= 1.5 * DOLLAR

    world.set_clock(parked["until"])
    world.until(lambda: second.endings() == ["complete", "complete"])
    world.aws.settle()
    assert second.build(2)["reservation"]["periods"][0] > today
    assert first.endings() == ["complete", "complete"]


def test_a_raised_budget_lets_a_build_start_that_waited_for_money(world):
    template = world.template()
    world.policy(budgets=limits(emergency=0.5))
    execution = world.start(template, urgent=True)
    assert "raise emergency_budget in the policy" in template.waits()["reason"]
    template.will("succeed")
    world.policy(budgets=left(world, "emergency", 5))
    assert world.invoke("schedule-builds")["woken"] == 1
    assert world.ended(execution)["status"] == "SUCCEEDED"
    assert template.endings() == ["complete"]


def test_no_more_builds_run_than_the_policy_allows(world):
    one, other = world.template(), world.template()
    world.policy(max_concurrent_builds=1)
    one.will("succeed", seconds=1800)
    other.will("succeed", seconds=0)
    world.start(one)
    one.runs()
    world.start(other)
    assert other.waits()["reason"] == "waits for a free builder: 1 of 1 builds are running"
    world.advance("31m")
    world.until(lambda: other.endings() == ["complete"])
    assert one.endings() == ["complete"]


def test_a_build_that_starts_while_the_queue_is_read_is_not_counted_twice(world):
    runs, starts, asks = world.template(), world.template(), world.template()
    world.policy(max_concurrent_builds=3, budgets=limits(emergency=0.5))
    for template in (runs, starts, asks):
        template.will("succeed", seconds=1800)
    world.start(runs)
    runs.runs()
    world.start(starts, urgent=True)
    starts.waits()
    world.policy(max_concurrent_builds=3, budgets=left(world, "emergency", 5))
    world.aws.settle()  # nobody else asks
    # plan-build asks first how long the last builds took, then for the queue, which is answered late.
    world.aws.delay("dynamodb", 0.01, operation="Query")
    world.aws.delay("dynamodb", 4, operation="Query")
    asking = world.start(asks)
    world.until(lambda: not world.aws.delays())
    assert "ReserveBudget" not in world.states(asking), "it is plan-build that reads the queue"
    world.invoke("schedule-builds")
    starts.runs()
    asks.runs()
    world.advance("31m")
    world.until(lambda: [template.endings() for template in (runs, starts, asks)] == [["complete"]] * 3)
    world.aws.settle()


def test_a_window_is_read_in_its_own_zone(world):
    world.policy(off_peak_window="22:00-23:00 America/New_York")
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    parked = template.waits()
    assert parked["until"].endswith("T03:00:00Z") and "22:00" in parked["reason"], parked
    [notice] = template.notices("update-available")
    world.set_clock("02:30")
    world.invoke("schedule-builds")
    world.aws.settle()
    assert template.endings() == ["complete", None] and template.build(2)["reservation"] is None
    template.will("succeed")
    world.set_clock("03:00")
    world.until(lambda: template.endings() == ["complete", "complete"])


def test_a_build_that_waits_wakes_by_itself_though_nobody_calls(world):
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    scheduler = world.aws.client("scheduler")
    often = scheduler.get_schedule(Name=world.function("schedule-builds"))
    kept = {name: often[name] for name in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
    scheduler.update_schedule(**kept, State="DISABLED")
    try:
        template.will("succeed")
        world.set_clock("02:00")
        world.advance("1h")
        world.until(lambda: template.endings() == ["complete", "complete"])
    finally:
        scheduler.update_schedule(**kept, State="ENABLED")
