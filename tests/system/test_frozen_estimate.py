"""The estimate is of what is frozen: what changes after a build was queued changes what it reserves, and whether it may."""

from tests.system.test_budget import DOLLAR, limits

# Ten minutes of m7i.large, and a gigabyte's first month.
INSTANCE, GIGABYTE = 16_800, 50_000


def queued(world):
    """A template of 20 GB with a build that waits for tonight."""
    template = world.template(world.base(architecture="x86_64"))
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    assert template.held()["queued"]["estimate"] == INSTANCE + 20 * GIGABYTE
    return template


def grown(template, root_volume_gb: int) -> dict:
    defaults = {**template.written["instance_defaults"], "root_volume_gb": root_volume_gb}
    return {**template.written, "instance_defaults": defaults}


def test_a_build_whose_template_has_grown_reserves_what_it_costs_now_or_waits(world):
    template = queued(world)
    world.policy(budgets=limits(daily=2))
    small = template.written
    template.apply(grown(template, 16_000))
    world.set_clock("02:00")
    reason = "needs $800.02, more than the whole monthly budget of $500.00"
    world.until(lambda: (template.parked() or {}).get("reason", "").startswith(reason))
    assert template.build(2)["reservation"] is None and template.build(2)["frozen"] is None
    assert template.held()["queued"]["estimate"] == INSTANCE + 16_000 * GIGABYTE
    assert world.invoke("schedule-builds")["woken"] == 0, "it would be woken for what it would have cost before"
    template.apply(small)
    template.will("succeed")
    world.advance("25h")
    world.until(lambda: template.endings() == ["complete", "complete"])
    world.aws.settle()
    reservation = template.build(2)["reservation"]
    assert reservation["amount"] == INSTANCE + 20 * GIGABYTE
    assert reservation["state"]["amount"] <= reservation["amount"]


def test_regions_that_the_policy_adds_are_reserved_for(world):
    template = queued(world)
    world.policy(regions=["us-west-2", "eu-west-1"])
    template.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "complete"])
    world.aws.settle()
    build, copy = template.build(2), 20 * GIGABYTE + 20 * 20_000
    assert len(build["outcome"]["result"]["amis"]) == 3
    assert build["reservation"]["amount"] == INSTANCE + 20 * GIGABYTE + 2 * copy
    assert build["reservation"]["state"]["amount"] <= build["reservation"]["amount"]


def test_a_build_is_stopped_by_the_limit_of_the_policy_in_force_on_what_is_frozen(world):
    template = queued(world)
    most = {"critical": None, "high": 2 * DOLLAR, "medium": None, "low": None}
    world.policy(max_cost_by_level=most)
    template.apply(grown(template, 40))
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "stopped"])
    world.aws.settle()
    ending = template.build(2)["ending"]["message"]
    assert ending == "stops, since it would cost $2.02 and may cost $2.00 at most"
    assert template.build(2)["reservation"] is None
