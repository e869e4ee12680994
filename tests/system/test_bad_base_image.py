"""What a base image on which nothing can be built, and a mirror that is down, cost a fleet."""

import shutil
from datetime import datetime, timedelta

import pytest

from tests.system.conftest import Deployed, deployed
from tests.system.test_budget import limits
from tests.system.test_many_templates import _templates
from tests.system.test_ten_thousand import _passed_over_quickly

MANY = 1_000
SECONDS = 1_200
PER_SECOND = 4  # so many executions start that two cores can plan them
FLEET = {"max_concurrent_builds": 90, "budgets": limits(daily=100_000, monthly=1_000_000)}


@pytest.fixture
def world():
    with deployed("bad") as aws:
        yield Deployed(aws).world()
    shutil.rmtree(aws.state_dir)


def fleet(world, base, count: int) -> None:
    world.policy(**FLEET)
    with _passed_over_quickly(world):
        _templates(world, base, range(count))
        world.aws.settle(60)
    lambdas, name = world.aws.client("lambda"), world.function("respond-to-update")
    told = lambdas.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    lambdas.update_function_configuration(
        FunctionName=name, Environment={"Variables": told | {"STARTS_PER_SECOND": str(PER_SECOND)}})  # fmt: skip


def builds(world) -> list:
    """Every build after the first one of each template."""
    found = [one for one in world.table.all() if one["sk"].startswith("BUILD#") and one["pk"].startswith("TEMPLATE#many-")]
    return [one for one in found if not one["sk"].endswith("00000001")]


def pass_time(world, hours: float, step: str = "5m") -> None:
    until = world.now() + timedelta(hours=hours)
    while world.now() < until:
        # Hundreds of builds that start at once take two cores some minutes.
        world.aws.clock.advance(step, patience=1800)
        world.aws.settle(1800)


def told(world, name: str, since: datetime) -> list:
    """How many hours after a moment each image was published, the first one first."""
    published = [datetime.fromisoformat(one["published_at"]) for one in builds(world) if one.get("published_at")]
    hours = sorted((one - since).total_seconds() / 3600 for one in published)
    failed = [one for one in builds(world) if (one.get("ending") or {}).get("kind") == "failed"]
    print(f"\n{name}: {len(failed)} builds failed; {len(hours)} images were published, "
          f"after {hours[0]:.1f} to {hours[-1]:.1f} hours, half of them by {hours[len(hours) // 2]:.1f}")  # fmt: skip
    return hours


@pytest.mark.long
def test_a_bad_base_image_burns_a_few_builds_of_a_thousand_and_all_are_patched_on_the_mended_one(world):
    base = world.base("debian-12")
    fleet(world, base, MANY)
    bad = world.publish(base)
    world.aws.script_image_builder("fail-build", base_image=bad, seconds=SECONDS, count=100_000)
    world.watch()
    world.aws.settle(1800)
    pass_time(world, 24)
    burnt = [one for one in builds(world) if (one.get("ending") or {}).get("kind") == "failed"]
    assert len(burnt) <= 3 + 4, "three, and one of them again"
    assert len([one for one in world.inbox.all() if one.kind == "base-image-held"]) == 1
    mended = world.publish(base)
    world.aws.script_image_builder("succeed", base_image=mended, seconds=SECONDS, count=100_000)
    since = world.now()
    world.watch()
    world.aws.settle(1800)
    pass_time(world, 24)
    hours = told(world, f"{MANY} templates on a bad base image", since)
    assert len(hours) == MANY and hours[-1] <= 24


@pytest.mark.long
def test_a_mirror_that_is_down_for_90_minutes_costs_nobody_their_deadline(world):
    base = world.base("debian-12")
    fleet(world, base, 50)
    image = world.publish(base)
    since = world.now()
    world.watch()
    world.aws.settle()
    world.aws.script_image_builder("fail-build", base_image=image, seconds=60, count=100_000)
    world.set_clock("02:00")
    pass_time(world, 1.5)
    world.aws.control("image-builder/forget", {})
    world.aws.script_image_builder("succeed", base_image=image, seconds=SECONDS, count=100_000)
    pass_time(world, 14)
    hours = told(world, "a mirror that is down for 90 minutes", since)
    assert len(hours) == 50 and hours[-1] <= 24, "within the deadline of a high update"
    written_off = [one for one in world.table.query("CLAIM") if one.get("attempts")]
    assert written_off == []
