"""A build that fails: the money is settled, people are told, nothing is left behind, the image before stays."""

import pytest


@pytest.mark.parametrize("outcome, stage", [("fail-build", "build"), ("fail-test", "test")])
def test_a_build_that_fails_leaves_the_image_before_in_its_place(world, outcome, stage):
    template = world.template()
    before = template.built()["outcome"]["result"]["amis"]["us-east-1"]
    [snapshot] = template.snapshots()
    template.will(outcome, seconds=600)
    execution = world.start(template)
    template.runs(2)
    world.advance("11m")
    ended = world.ended(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "BuildFailed")
    world.aws.settle()
    build = template.build(2)
    assert build["ending"]["kind"] == "failed" and build["ending"]["message"] in ended["cause"]
    assert build["outcome"]["result"]["status"] == "failed"
    assert build["reservation"]["state"]["state"] == "settled" and build["reservation"]["state"]["amount"] > 0
    assert template.held() is None
    [told] = template.notices("build-failed")
    assert build["outcome"]["result"]["step"] in told.body and build["ending"]["message"] in told.body
    assert f"Still published: {before}" in told.body
    assert [one["ImageId"] for one in template.amis()] == [before] and template.snapshots() == [snapshot]
    assert template.published() == before == template.channel()["amis"]["us-east-1"]


def test_a_first_build_that_fails_says_that_there_is_no_image_yet(world):
    template = world.template()
    template.will("fail-test")
    assert world.ended(world.start(template))["status"] == "FAILED"
    world.aws.settle()
    [told] = template.notices("build-failed")
    assert "Still published: nothing" in told.body
    assert template.amis() == [] and template.snapshots() == [] and template.published() is None
    assert template.built()["ending"]["kind"] == "complete"


def test_a_failed_build_does_not_keep_what_waits_from_being_built(world):
    template = world.template()
    template.will("fail-build", seconds=600).will("succeed", seconds=0)
    world.start(template)
    template.runs()
    world.publish(template.base)
    world.watch()
    world.start(template)
    world.until(lambda: template.claim()["next"])
    world.advance("11m")
    world.until(lambda: template.endings() == ["failed", "complete"])
