import time
import uuid

import pytest
from botocore.exceptions import ClientError

AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-x86_64"


def test_public_parameters_differ_by_region_and_move(aws):
    here, there = aws.client("ssm"), aws.client("ssm", "eu-central-1")
    first = here.get_parameter(Name=AL2023)["Parameter"]
    assert first["Value"] != there.get_parameter(Name=AL2023)["Parameter"]["Value"]
    image_id = aws.register_image("137112412989", f"al2023-ami-{uuid.uuid4()}", creation_date="2026-12-01T00:00:00Z")
    aws.publish_parameter(AL2023, image_id)
    moved = here.get_parameters(Names=[AL2023, "/aws/service/nothing"])
    assert moved["Parameters"][0]["Value"] == image_id
    assert moved["Parameters"][0]["Version"] == first["Version"] + 1
    assert moved["InvalidParameters"] == ["/aws/service/nothing"]
    found = aws.client("ec2").describe_images(ImageIds=[image_id], Owners=["137112412989"])["Images"][0]
    assert found["CreationDate"] == "2026-12-01T00:00:00.000Z" and found["Public"]
    with pytest.raises(ClientError, match="less than or equal to 10"):
        here.get_parameters(Names=[f"/n/{number}" for number in range(11)])


def test_every_image_of_a_public_parameter_exists(aws):
    recommended = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
    image_id = aws.client("ssm", "eu-west-1").get_parameter(Name=recommended)["Parameter"]["Value"]
    image = aws.client("ec2", "eu-west-1").describe_images(ImageIds=[image_id])["Images"][0]
    assert image["OwnerId"] == "591542846629" and image["CreationDate"].startswith("2026-")
    named = aws.client("ec2", "eu-west-1").describe_images(
        Owners=["591542846629"], Filters=[{"Name": "name", "Values": ["al2023-ami-ecs-hvm-*"]}]
    )
    assert len(named["Images"]) > 10


def test_an_image_parameter_is_written_only_if_the_image_exists(aws):
    ssm, name = aws.client("ssm"), f"/prism/{uuid.uuid4()}/latest"
    given = {"Name": name, "Type": "String", "DataType": "aws:ec2:image", "Overwrite": True}
    assert ssm.put_parameter(**given, Value="ami-0123456789abcdef0")["Version"] == 1
    time.sleep(0.3)
    with pytest.raises(ClientError, match="ParameterNotFound"):
        ssm.get_parameter(Name=name)
    image_id = aws.register_image("099720109477", f"ubuntu-{uuid.uuid4()}")
    ssm.put_parameter(**given, Value=image_id)
    aws.wait_until(lambda: ssm.get_parameters(Names=[name])["Parameters"])


def test_images_that_are_not_there(aws):
    with pytest.raises(ClientError, match="InvalidAMIID.NotFound"):
        aws.client("ec2").describe_images(ImageIds=["ami-0123456789abcdef0"])


def test_copying_deprecating_and_removing_an_image(aws):
    ec2, source = aws.client("ec2", "us-west-2"), aws.register_image("099720109477", f"ubuntu-{uuid.uuid4()}")
    copied = ec2.copy_image(SourceRegion="us-east-1", SourceImageId=source, Name=f"copy-{uuid.uuid4()}")["ImageId"]
    ec2.enable_image_deprecation(ImageId=copied, DeprecateAt="2030-01-01T00:00:00Z")
    ec2.create_tags(Resources=[copied], Tags=[{"Key": "prism:template", "Value": "t"}])
    image = ec2.describe_images(Owners=["self"], Filters=[{"Name": "tag:prism:template", "Values": ["t"]}])["Images"][0]
    assert image["DeprecationTime"].startswith("2030-01-01") and image["SourceImageId"] == source
    snapshot = image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    with pytest.raises(ClientError, match="InvalidSnapshot.InUse"):
        ec2.delete_snapshot(SnapshotId=snapshot)
    ec2.deregister_image(ImageId=copied)
    ec2.delete_snapshot(SnapshotId=snapshot)
    with pytest.raises(ClientError, match="InvalidSnapshot.NotFound"):
        ec2.describe_snapshots(SnapshotIds=[snapshot])


def test_throttling_in_each_services_words(aws):
    calls = {
        "ssm": ("GetParameters", lambda: aws.client("ssm").get_parameters(Names=[AL2023]), "ThrottlingException"),
        "ec2": ("DescribeImages", lambda: aws.client("ec2").describe_images(Owners=["self"]), "RequestLimitExceeded"),
        "imagebuilder": (None, lambda: aws.client("imagebuilder").list_images(), "CallRateLimitExceededException"),
        "dynamodb": (
            "Scan",
            lambda: aws.client("dynamodb").scan(TableName=aws.outputs["TableName"]),
            "ThrottlingException",
        ),
    }
    for service, (operation, call, code) in calls.items():
        aws.throttle(service, operation)
        with pytest.raises(ClientError, match=code):
            call()
        call()


def test_a_transaction_meets_another(aws):
    table, key = aws.client("dynamodb"), f"t-{uuid.uuid4()}"

    def write():
        put = {
            "TableName": aws.outputs["TableName"],
            "Item": {"id": {"S": key}},
            "ConditionExpression": "attribute_not_exists(id)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        other = {**put, "Item": {"id": {"S": f"{key}-{uuid.uuid4()}"}}}
        table.transact_write_items(TransactItems=[{"Put": put}, {"Put": other}])

    aws.transaction_conflict()
    with pytest.raises(table.exceptions.TransactionCanceledException) as conflict:
        write()
    assert [one["Code"] for one in conflict.value.response["CancellationReasons"]] == ["TransactionConflict", "None"]
    write()
    with pytest.raises(table.exceptions.TransactionCanceledException) as refused:
        write()
    reasons = refused.value.response["CancellationReasons"]
    assert [one["Code"] for one in reasons] == ["ConditionalCheckFailed", "None"]
    assert reasons[0]["Item"] == {"id": {"S": key}}


def test_a_fault_point_is_armed(aws):
    aws.fault("after-reserve")
    assert "after-reserve" in aws.control("faults")["armed"]
    folder = aws.invoke(aws.outputs["WorkerFunctionName"], {"do": "environment"})["PRISM_FAULT_DIR"]
    assert folder == str(aws.state_dir / "faults")


def test_two_emulators_do_not_meet(aws, tmp_path):
    from tests.local_aws import LocalAws

    with LocalAws.start(tmp_path / "other") as other:
        other.clock.advance("100d")
        other.client("sqs").create_queue(QueueName="only-there")
        assert other.endpoint != aws.endpoint
        assert aws.clock.now() < other.clock.now()
        assert "only-there" not in str(aws.client("sqs").list_queues())


def test_instances_tell_of_their_states(aws):
    import json

    sqs, name = aws.client("sqs"), f"instances-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.client("events").put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.ec2"]}))
    aws.client("events").put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    image_id = aws.register_image("099720109477", f"ubuntu-{uuid.uuid4()}")
    aws.client("ec2").run_instances(ImageId=image_id, MinCount=1, MaxCount=1)
    told = []

    def running():
        told.extend(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []))
        return [json.loads(one["Body"])["detail"]["state"] for one in told] == ["pending", "running"]

    aws.wait_until(running)
