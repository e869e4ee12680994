"""An update of a base image rebuilds the template that stands on it."""

from tests.system import balances


def test_an_update_is_announced_waits_for_its_window_is_built_published_and_paid(world):
    template = world.template()
    first = template.built()
    assert template.published() == first["outcome"]["result"]["amis"]["us-east-1"]

    image = world.publish(template.base)
    assert world.watch()["moved"] == [f"{template.base.name}/{template.base.architecture}/us-east-1/1"]
    parked = template.waits()
    assert parked["reason"].startswith("waits for the off-peak window, which opens ")
    assert parked["until"].endswith("T02:00:00Z")
    [told] = template.notices("update-available")
    assert "02:00 UTC (in 16 hours), from the daily budget" in told.body and image in told.body, told.body
    assert len(template.builds()) == 2 and template.build(2)["run"] is None

    template.will("succeed", seconds=600)
    world.set_clock("02:00")
    world.until(lambda: template.build(2)["run"])
    world.advance("11m")
    [execution] = [arn for arn in world.executions_of(template) if "update-" in arn]
    assert world.ended(execution)["status"] == "SUCCEEDED"
    world.aws.settle()
    build = template.build(2)
    ami = build["outcome"]["result"]["amis"]["us-east-1"]
    assert build["frozen"]["base_image_id"] == image
    assert build["ending"]["kind"] == "complete"
    assert template.published() == ami == template.channel()["amis"]["us-east-1"]
    tags = next({t["Key"]: t["Value"] for t in one["Tags"]} for one in template.amis() if one["ImageId"] == ami)
    assert tags["prism:template"] == template.name and tags["prism:build-id"] == build["id"]
    reservation = build["reservation"]
    assert reservation["source"] == "daily" and reservation["state"]["state"] == "settled"
    assert 0 < reservation["state"]["amount"]
    assert reservation["periods"] == ["daily#2026-11-03", "monthly#2026-11"]
    balances.check(world.table)
    [complete] = [notice for notice in template.notices("build-complete") if build["id"] in notice.id]
    assert ami in complete.body
    assert template.updates()[0]["responded_at"]
