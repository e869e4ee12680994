"""A service that is busy: what could not be asked is asked again, and never read as an answer."""

import pytest

ATTEMPTS = 3  # of the SDK, before it gives up
LISTED = {"name": "listed-test", "title": "Rocky Linux", "owner": "792107900819", "names": ["Rocky-L-*.{arch}"],
          "architectures": {"x86_64": "x86_64"}, "changelog": "https://rockylinux.org/news"}  # fmt: skip


@pytest.mark.parametrize("service, operation", [("ssm", "GetParameters"), ("ec2", "DescribeImages")])
def test_a_look_that_is_throttled_is_made_at_the_next_run_and_is_never_a_missing_image(world, service, operation):
    world.policy(base_images=[LISTED])  # one that has no parameter: not everything is throttled
    watched = [world.base("amazon-linux-2"), world.base("debian-12")]
    moves = [len(world.table.query(base.partition, "UPDATE#")) for base in watched]
    missing = world.watch()["troubles"].get("missing", 0)
    for base in watched:
        world.publish(base)
    # Every batch of parameters; every call that lists or describes images.
    world.aws.throttle(service, operation, 100 * ATTEMPTS)
    run = world.watch()
    world.aws.forget()
    assert run["troubles"]["throttled"] and run["troubles"].get("missing", 0) <= missing, run
    # What a region was known not to have stays missing: being throttled is no news of it.
    kept = world.table.query("TROUBLE#us-east-1")
    troubles = [one for one in kept if one["kind"] == "throttled"]
    assert [world.trouble(base)["kind"] for base in watched] == ["throttled", "throttled"]
    assert len(troubles) <= run["troubles"]["throttled"] <= len(kept)
    assert all("ThrottlingException" in one["detail"] or "RequestLimitExceeded" in one["detail"] for one in troubles)
    again = world.watch()
    assert len(run["moved"]) + len(again["moved"]) == 2 and "throttled" not in again["troubles"], again
    assert [len(world.table.query(base.partition, "UPDATE#")) for base in watched] == [count + 1 for count in moves]


@pytest.mark.parametrize(
    "service, operation, count",
    [
        ("dynamodb", "GetItem", 6),
        ("dynamodb", "TransactWriteItems", 6),
        ("dynamodb", "Query", 6),
        ("imagebuilder", "CreateComponent", 2),
        ("imagebuilder", "StartImagePipelineExecution", 2),
        ("ssm", "PutParameter", 2),
        ("lambda", "Invoke", 1),
        ("ec2", "DescribeImages", 2),
    ],
)
def test_a_build_goes_through_though_calls_are_refused(world, service, operation, count):
    template = world.template()
    template.will("succeed")
    world.aws.throttle(service, operation, count)
    execution = world.start(template)
    assert world.ended(execution, timeout=60)["status"] == "SUCCEEDED"
    assert template.endings() == ["complete"] and template.published()


def test_conflicts_of_transactions_are_tried_again(world):
    template = world.template()
    template.will("succeed")
    world.aws.transaction_conflict(6)
    assert world.ended(world.start(template), timeout=60)["status"] == "SUCCEEDED"
    assert template.endings() == ["complete"]


def test_an_image_builder_that_takes_no_more_builds_is_asked_again(world):
    template = world.template()
    template.will("throttle", count=2).will("succeed")
    assert world.ended(world.start(template), timeout=60)["status"] == "SUCCEEDED"
    assert template.endings() == ["complete"]


def test_an_update_is_responded_to_though_executions_cannot_be_started_at_first(world):
    template = world.template()
    template.built()
    world.publish(template.base)
    world.aws.throttle("states", "StartExecution", 6)  # one more than it tries itself: the stream brings it again
    world.watch()
    assert template.waits()
    world.aws.settle()
    assert len(template.notices("update-available")) == 1 and len(template.builds()) == 2
