"""The functions under their own roles: they may do what they have to do."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.infra.calls import partitions_written
from tests.infra.test_rights import CRATES
from tests.system import foreign, patches
from tests.system.table import stream_record

pytestmark = pytest.mark.usefixtures("roles")


def denied(world) -> list:
    """What the functions were refused since the world began, as they log it."""
    refusals = ("AccessDenied", "UnauthorizedOperation", "not authorized")
    return [line for line in world.logged().splitlines() if any(refusal in line for refusal in refusals)]


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


def test_a_foreign_image_that_is_tagged_as_a_waiting_build_s_is_not_published(world):
    template = world.template()
    base = template.built()["frozen"]["base_image_id"]
    world.publish(template.base)
    world.watch()
    template.waits()
    world.aws.settle()
    waiting = template.builds()[-1]
    theirs = foreign.image(world, base, {"prism:build-id": waiting["id"], "prism:template": template.name})
    assert template.builds()[-1] == waiting
    said = world.logged("finish-image")
    assert said.count(f"{theirs}\"") == said.count("its ARN is not the one of the build's image") == 1
    template.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "complete"])
    world.aws.settle()
    [made] = foreign.amis_of(world, theirs)
    assert template.published() not in (made, None) and theirs not in str(template.builds())
    foreign.take_away(world, made)


def test_an_ami_that_is_tagged_as_a_build_s_is_not_deregistered(world):
    """Not with every tag that Image Builder writes, nor would the role allow it with the build's tag alone."""
    template = world.template().will("fail-test", seconds=600)
    execution = world.start(template)
    build = template.runs()
    claimed = {"prism:build-id": build["id"], "prism:template": template.name}
    wrote = {"CreatedBy": "EC2 Image Builder", "Ec2ImageBuilderArn": build["run"]["arn"]}
    base = build["frozen"]["base_image_id"]
    golden = foreign.ami(world, base, "golden-production", {**claimed, **wrote})
    named = foreign.ami(world, base, f"prism-{build['id']} golden", claimed)
    world.advance("11m")
    assert world.ended(execution)["error"] == "BuildFailed"
    world.until(lambda: world.table.get("CLEARING", build["id"])["cleared_at"])
    assert {one["ImageId"] for one in template.amis()} == {golden, named} and template.snapshots() == []
    foreign.take_away(world, golden, named)
    assert denied(world) == []


PARTITIONS = sorted({partition for crate in CRATES for _, partition in partitions_written(crate)} | {"TEMPLATES"})


@pytest.mark.parametrize("crate", CRATES)
def test_a_function_writes_its_own_partitions_and_no_other(world, crate):
    """The condition never holds, so that nothing is written: rights are looked at first."""
    role = world.aws.client("lambda").get_function_configuration(FunctionName=world.function(crate))["Role"]
    table = {"TableName": world.table.name, "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(pk)"}
    dynamodb = acting_as(world, role, "dynamodb")

    def allowed(partition: str) -> bool:
        item = {"pk": {"S": partition.replace("*", "2026-11-02")}, "sk": {"S": "nothing"}}
        with pytest.raises(ClientError) as refused:
            dynamodb.put_item(Item=item, **table)
        code = refused.value.response["Error"]["Code"]
        assert code in ("AccessDeniedException", "ConditionalCheckFailedException")
        return code == "ConditionalCheckFailedException"

    own = {partition for right, partition in partitions_written(crate) if right == "dynamodb:PutItem"}
    assert {partition for partition in PARTITIONS if allowed(partition)} == own


def acting_as(world, role: str, service: str):
    """A client with a role's credentials."""
    given = world.aws.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], world.aws.region)
    return session.client(service, endpoint_url=world.aws.endpoint)


def test_who_is_root_on_a_builder_reads_no_parameter_and_no_secret(world):
    """The managed policies are not in the embedded AWS: what they allow is allowed here by hand."""
    (role,) = [one for one in world.aws.client("iam").get_paginator("list_roles").paginate().search("Roles[]") if "BuilderRole" in one["RoleName"]]
    managed = {"Effect": "Allow", "Action": ["ssm:*", "secretsmanager:*", "logs:*"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [managed]})
    iam, policy = world.aws.client("iam"), {"RoleName": role["RoleName"], "PolicyName": "managed"}
    world.aws.client("ssm").put_parameter(Name="/somebody/password", Value="secret", Type="String", Overwrite=True)
    ssm, logs = (acting_as(world, role["Arn"], service) for service in ("ssm", "logs"))
    reading = [
        lambda: ssm.get_parameter(Name="/somebody/password"),
        lambda: ssm.get_parameters(Names=["/somebody/password"]),
        lambda: ssm.get_parameters_by_path(Path="/somebody"),
        lambda: acting_as(world, role["Arn"], "secretsmanager").get_secret_value(SecretId="password"),
        lambda: logs.create_log_group(logGroupName="/aws/imagebuilder/another"),
    ]
    iam.put_role_policy(**policy, PolicyDocument=document)
    try:
        for read in reading:
            with pytest.raises(ClientError, match="AccessDenied"):
                read()
        logs.create_log_stream(logGroupName="/aws/imagebuilder/prism-auto-ami", logStreamName="1.0.1/1")
    finally:
        iam.delete_role_policy(**policy)


def test_the_state_table_cannot_be_deleted_by_mistake(world):
    with pytest.raises(ClientError, match="deletion protection"):
        world.aws.client("dynamodb").delete_table(TableName=world.table.name)


def test_builders_write_the_log_group_of_the_stack_and_metadata_is_left_out_where_it_is_off(world):
    template = world.template()
    template.built()
    builder = world.aws.client("imagebuilder")
    (pipeline,) = [one for one in builder.list_image_pipelines(maxResults=25)["imagePipelineList"] if template.name in one["name"]]
    group = "/aws/imagebuilder/prism-auto-ami"
    assert pipeline["loggingConfiguration"] == {"imageLogGroupName": group, "pipelineLogGroupName": group}
    assert pipeline["enhancedImageMetadataEnabled"] is False
    (found,) = world.aws.client("logs").describe_log_groups(logGroupNamePrefix="/aws/imagebuilder/")["logGroups"]
    assert found["logGroupName"] == group and found["retentionInDays"] == 30 and found["kmsKeyId"]
    assert template.published() and patches.installed(template) is None
    assert denied(world) == []


def test_a_function_that_has_no_right_is_refused(world):
    """Or the tests above would say nothing."""
    role = world.aws.client("lambda").get_function_configuration(FunctionName=world.function("notify"))["Role"]
    iam, name = world.aws.client("iam"), role.rsplit("/", 1)[-1]
    nothing = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    record = stream_record("NOTICE#2026-01-01", "nothing")
    assert world.invoke("notify", record) == {"batchItemFailures": []}
    iam.put_role_policy(RoleName=name, PolicyName="nothing", PolicyDocument=json.dumps(nothing))
    try:
        assert world.invoke("notify", record)["batchItemFailures"]
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="nothing")
    assert world.invoke("notify", record) == {"batchItemFailures": []}
