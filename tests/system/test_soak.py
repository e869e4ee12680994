"""A base image has to be out for a while, if the policy says so, before templates are rebuilt on it."""

HOURS = {"high": "18 hours", "medium": None, "low": None}


def patient(world, **more):
    world.policy(minimum_age=[{"base": None, **HOURS}], **more)


def fresh(world, base) -> str:
    """Its vendor releases an image at this moment."""
    image = world.aws.register_image(base.owner, base.release("2027-01-01"), architecture=base.architecture,
                                     creation_date=f"{world.now():%Y-%m-%dT%H:%M:%SZ}")  # fmt: skip
    return world.publish(base, image)


def test_a_build_waits_until_its_base_image_has_been_out_long_enough(world):
    template = world.template()
    template.built()
    patient(world, urgent_window="00:00-23:59 UTC")
    image = fresh(world, template.base)
    world.watch()
    waits = template.waits()
    assert waits["reason"].startswith(f"waits until {template.base.name} has been out for 18 hours, and for the urgent")
    [told] = template.notices("update-available")
    assert "04:01 UTC (in 18 hours), from the daily budget" in told.body, told.body
    template.will("succeed")
    world.set_clock("04:02")
    world.until(lambda: template.endings() == ["complete", "complete"])
    assert template.build(2)["frozen"]["base_image_id"] == image


def test_a_deadline_is_kept_though_the_base_image_has_not_been_out_long_enough(world):
    template = world.template()
    template.built()
    patient(world, deadlines={"critical": "1 hour", "high": "6 hours", "medium": "7 days", "low": "30 days"})
    fresh(world, template.base)
    world.watch()
    waits = template.waits()
    assert f"though {template.base.name} will not have been out for 18 hours by then" in waits["reason"], waits
    assert template.held()["slot"]["at"] < f"{world.now():%Y-%m-%d}T16:01"


def test_who_builds_by_hand_does_not_wait_for_others_to_meet_the_base_image(world):
    template = world.template()
    template.built()
    patient(world, urgent_window="00:00-23:59 UTC")
    image = fresh(world, template.base)
    world.watch()
    template.waits()
    template.will("succeed")
    assert world.ended(world.start(template))["status"] == "SUCCEEDED"
    world.until(lambda: template.endings() == ["complete", "complete"])
    assert template.build(2)["frozen"]["base_image_id"] == image


def test_an_image_is_out_since_it_was_seen_however_long_before_its_vendor_made_it(world):
    template = world.template()
    template.built()
    patient(world, urgent_window="00:00-23:59 UTC")
    world.publish(template.base)  # made days before
    world.advance("8h")
    world.watch()
    assert template.waits()["reason"].startswith(f"waits until {template.base.name} has been out for 18 hours")
    assert template.endings() == ["complete", None]


def test_a_vendor_who_releases_every_day_does_not_keep_everybody_on_an_old_image(world):
    template = world.template()
    template.built()
    patient(world, urgent_window="00:00-23:59 UTC")
    old_enough = fresh(world, template.base)
    world.watch()
    template.waits()
    world.advance("17h")
    newest = fresh(world, template.base)
    world.watch()
    world.aws.settle()
    template.will("succeed")
    world.advance("2h")
    world.until(lambda: (template.build(2).get("ending") or {}).get("kind") == "complete")
    assert template.build(2)["frozen"]["base_image_id"] == old_enough != newest
    # Then it waits for the newer one.
    world.until(lambda: len(template.builds()) == 3)
    assert template.waits()["reason"].startswith(f"waits until {template.base.name} has been out for 18 hours")
