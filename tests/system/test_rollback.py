"""A base image goes back: people hear who stands on what was withdrawn, and the policy says whether it is rebuilt."""

from datetime import timedelta

from tests.system.world import MORNING


def went_on(world, template) -> tuple:
    """The template is built on the second image of its base. Answers both images."""
    older = world.table.get(*template.base.tracked)["current"]["image_id"]
    newer = world.publish(template.base)
    world.watch()
    template.waits()
    template.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: template.endings()[-1] == "complete")
    world.until(lambda: not template.held())
    world.aws.settle()
    world.set_clock(MORNING)
    return older, newer


def test_a_withdrawn_image_is_told_of_and_nothing_is_rebuilt_until_the_base_moves_on(world):
    template = world.template()
    template.built()
    beside = world.template(template.base)
    beside.built()
    beside.disable("the course is over")
    older, newer = went_on(world, template)
    world.publish(template.base, older)
    assert len(world.watch()["moved"]) == 1
    world.aws.settle()
    update = template.updates()[-1]
    assert update["direction"] == "back" and update["responded_at"] and update["announced_at"]
    [told] = template.notices("update-withdrawn")
    assert newer in told.body and older in told.body and "rebuild_on_rollback" in told.body
    assert beside.name not in told.body, "it stands on the older image"
    [skipped] = [one for one in template.journal("skip") if update["id"] in one["subject"]]
    assert skipped["reasons"][0].startswith(f"its base image went back from {newer} to the older {older}")
    assert template.endings() == ["complete", "complete"] and not template.held()

    _released_after(world, template.base)
    world.watch()
    assert template.waits()["reason"].startswith("waits for the off-peak window")
    assert len(template.notices("update-available")) == 2


def test_a_template_is_rebuilt_on_the_older_image_where_the_policy_says_so(world):
    template = world.template()
    template.built()
    older, newer = went_on(world, template)
    world.policy(rebuild_on_rollback=True)
    world.publish(template.base, older)
    world.watch()
    template.waits()
    [told] = template.notices("update-withdrawn")
    assert "Rebuilds planned: 1" in told.body
    template.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete"] * 3)
    assert template.build(3)["frozen"]["base_image_id"] == older != newer


def test_an_image_that_is_built_on_one_that_is_withdrawn_meanwhile_is_told_of_too(world):
    template = world.template()
    template.built()
    older = world.table.get(*template.base.tracked)["current"]["image_id"]
    newer = world.publish(template.base)
    world.watch()
    template.waits()
    template.will("succeed", seconds=600)
    world.set_clock("02:00")
    template.runs(2)
    world.publish(template.base, older)
    world.watch()
    world.aws.settle()
    assert template.notices("update-withdrawn") == [], "nothing stands on it yet"
    world.advance("11m")
    world.until(lambda: template.endings() == ["complete", "complete"])
    [told] = world.until(lambda: template.notices("update-withdrawn"))
    assert newer in told.body and template.build(2)["id"] in told.id
    assert [one for one in template.journal("skip") if newer in one["reasons"][0]]
    world.aws.settle()
    assert not template.held() and len(template.builds()) == 2


def _released_after(world, base) -> str:
    """The next image, newer than whatever there was."""
    day = world.now() + timedelta(days=1)
    image = world.aws.register_image(base.owner, base.release(f"{day:%Y-%m-%d}"), architecture=base.architecture,
                                     creation_date=f"{day:%Y-%m-%dT%H:%M:%SZ}")  # fmt: skip
    return world.publish(base, image)
