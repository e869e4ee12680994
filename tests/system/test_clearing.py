"""Clearing removes what an ended build has left, and never what is published or launched."""

import pytest

from tests.system import faults
from tests.system.happenings import reconciled


def cleared(world, template, build: dict) -> dict:
    """Puts a build on the clearing list and has close-build work that off; answers the item."""
    world.table.put("CLEARING", build["id"], build=build["id"], execution=build["execution"],
                    since="2026-11-01T00:00:00Z", images=[], cleared_at=None)  # fmt: skip
    world.invoke("close-build", {"detail": {"executionArn": build["execution"], "status": "FAILED"}})
    return world.table.get("CLEARING", build["id"])


def keys(template, build: dict) -> dict:
    """The items that say that a build's image is published, by what they are."""
    number, architecture = build["id"].rpartition("-")[2], template.base.architecture
    return {"channel": (template.partition, f"CHANNEL#{architecture}#latest"),
            "image": (template.partition, f"IMAGE#{architecture}#{int(number):08}")}  # fmt: skip


def test_an_image_that_is_done_before_its_start_is_answered_stays_published(world):
    template = world.template().will("succeed", event_before_response=True)
    world.aws.delay("imagebuilder", 60, "StartImagePipelineExecution")
    execution = world.start(template)
    world.until(lambda: template.endings() == ["complete"])
    world.aws.forget()
    assert world.ended(execution)["status"] == "SUCCEEDED"
    world.aws.settle()
    [build] = template.builds()
    assert world.table.get("CLEARING", build["id"]) is None
    world.advance("6m")
    assert world.invoke("reconcile-builds")["uncleared"] == 0
    faults.check(template)


def test_an_ami_is_kept_as_long_as_channel_inventory_or_parameter_names_it(world):
    template = world.template()
    build = template.built()
    published = {name: world.table.get(*key) for name, key in keys(template, build).items()}
    ami, ssm = template.published(), world.aws.client("ssm")
    ssm.delete_parameter(Name=template.parameter)

    def only(name: str | None) -> None:
        for one, key in keys(template, build).items():
            world.table.delete(*key)
            if one == name:
                world.table.put(**published[one])

    for name in published:
        only(name)
        assert cleared(world, template, build)["cleared_at"], f"{name}: it is kept for good"
        assert [image["ImageId"] for image in template.amis()] == [ami], name
    only(None)
    ssm.put_parameter(Name=template.parameter, Value=ami, Type="String")
    assert cleared(world, template, build)["cleared_at"] is None, "the parameter may name another one later"
    assert [image["ImageId"] for image in template.amis()] == [ami]
    ssm.delete_parameter(Name=template.parameter)
    world.aws.outage("ssm", "GetParameters", count=50)
    assert cleared(world, template, build)["cleared_at"] is None, "what could not be read is not absent"
    world.aws.forget()
    assert [image["ImageId"] for image in template.amis()] == [ami]
    world.advance("6m")
    world.invoke("reconcile-builds")
    world.until(lambda: world.table.get("CLEARING", build["id"])["cleared_at"])
    assert template.amis() == [] and template.snapshots() == [], "nobody names it any more"


def test_a_snapshot_that_is_still_in_use_is_deleted_later(world):
    template = world.template().will("fail-test")
    world.aws.refuse("ec2", "DeleteSnapshot", "InvalidSnapshot.InUse", count=100)
    assert world.ended(world.start(template))["error"] == "BuildFailed"
    world.aws.settle()
    assert template.amis() == [] and template.snapshots()
    assert _left(world, template)["cleared_at"] is None
    world.aws.forget()
    reconciled(world)
    assert template.snapshots() == [] and _left(world, template)["cleared_at"]
    faults.check(template)


def test_the_snapshot_of_an_ami_that_somebody_else_deregistered_is_removed(world):
    template = world.template().will("fail-test")
    world.aws.refuse("ec2", "DeregisterImage", "UnauthorizedOperation", count=100)
    assert world.ended(world.start(template))["error"] == "BuildFailed"
    world.aws.settle()
    [ami] = template.amis()
    assert _left(world, template)["cleared_at"] is None
    world.aws.forget()
    world.aws.client("ec2").deregister_image(ImageId=ami["ImageId"])
    reconciled(world)
    assert template.snapshots() == [] and _left(world, template)["cleared_at"]


@pytest.mark.parametrize("operation, code", [
    ("CancelImageCreation", "ResourceInUseException"), ("GetImage", "AccessDeniedException")])  # fmt: skip
def test_a_build_is_closed_though_image_builder_refuses_to_be_stopped(world, operation, code):
    template = world.template().will("hang")
    execution = world.start(template)
    template.runs()
    world.aws.settle()
    world.aws.refuse("imagebuilder", operation, code, count=2)
    world.stop(execution)
    world.until(lambda: template.endings() == ["stopped"])
    world.aws.settle()
    assert template.image_status() == "BUILDING" and _left(world, template)["cleared_at"] is None
    reconciled(world)
    assert template.image_status() == "CANCELLED"
    reconciled(world)
    faults.check(template)


def test_what_waits_for_a_build_is_begun_though_that_cannot_be_cleared(world):
    template = world.template().will("fail-test", seconds=600).will("succeed")
    first = world.start(template)
    template.runs()
    template.apply({**template.written, "packages": {"system": ["git", "curl"]}})
    world.ended(world.start(template))
    assert template.claim()["next"]
    world.aws.refuse("ec2", "DescribeSnapshots", "UnauthorizedOperation", count=100)
    world.advance("11m")
    assert world.ended(first)["error"] == "BuildFailed"
    world.until(lambda: template.endings() == ["failed", "complete"])
    assert _left(world, template)["cleared_at"] is None
    world.aws.forget()
    reconciled(world)
    faults.check(template)


def _left(world, template) -> dict:
    """What is noted of its first build."""
    return world.table.get("CLEARING", template.build()["id"])
