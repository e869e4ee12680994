"""The functions under their own roles: they may do what they have to do."""

import json

import pytest

from tests.system.conftest import lived, shared_by
from tests.system.table import stream_record


@pytest.fixture(scope="module")
def roles(request):
    yield from shared_by("roles", request, auth=True)


@pytest.fixture
def world(roles):
    yield from lived(roles.world())


def denied(world) -> list:
    """What the functions were refused, as they log it."""
    logs = [line for file in (world.aws.state_dir / "logs").iterdir() for line in file.read_text().splitlines()]
    refusals = ("AccessDenied", "UnauthorizedOperation", "not authorized")
    return [line for line in logs if any(refusal in line for refusal in refusals)]


def test_every_function_may_do_its_part_of_an_update(world):
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    template.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "complete"])
    world.aws.settle()
    assert template.published() == template.channel()["amis"]["us-east-1"]
    assert template.notices("update-available") and len(template.notices("build-complete")) == 2
    assert denied(world) == []


def test_every_function_may_clear_up_after_a_failure_and_a_stop(world):
    template = world.template()
    template.will("fail-test").will("succeed", seconds=36000)
    assert world.ended(world.start(template))["error"] == "BuildFailed"
    execution = world.start(template)
    template.runs(2)
    world.stop(execution)
    world.until(lambda: template.endings() == ["failed", "stopped"])
    world.until(lambda: template.image_status(2) == "CANCELLED")
    assert template.amis() == [] and template.snapshots() == []
    world.aws.settle()
    assert template.notices("build-failed")
    assert denied(world) == []


def test_reconcile_builds_may_look_at_everything_and_have_it_mended(world):
    template, other = world.template(), world.template()
    template.built()
    other.will("succeed", lose_event=True)
    world.start(other)
    other.runs()
    world.until(lambda: other.image_status() == "AVAILABLE")
    world.aws.client("ssm").delete_parameter(Name=template.parameter)
    world.aws.settle()
    found = world.invoke("reconcile-builds")
    assert (found["unpublished"], found["untold"], found["failed"]) == (1, 1, 0)
    world.until(lambda: template.published() and other.endings() == ["complete"])
    assert denied(world) == []


def test_a_function_that_has_no_right_is_refused(world):
    """Or the tests above would say nothing."""
    role = world.aws.client("lambda").get_function_configuration(FunctionName=world.function("notify"))["Role"]
    iam, name = world.aws.client("iam"), role.rsplit("/", 1)[-1]
    nothing = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    record = stream_record("NOTICE#2026-01-01", "nothing")
    assert world.invoke("notify", record) == {"batchItemFailures": []}
    iam.put_role_policy(RoleName=name, PolicyName="nothing", PolicyDocument=json.dumps(nothing))
    assert world.invoke("notify", record)["batchItemFailures"]
    iam.delete_role_policy(RoleName=name, PolicyName="nothing")
    assert world.invoke("notify", record) == {"batchItemFailures": []}
