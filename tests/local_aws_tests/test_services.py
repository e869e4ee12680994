import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.system import bases

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


def test_what_is_recommended_for_ecs_is_told_as_a_document_and_part_by_part(aws):
    path = "/aws/service/ecs/optimized-ami/amazon-linux-2023"
    ssm, ec2 = aws.client("ssm", "eu-central-1"), aws.client("ec2", "eu-central-1")
    for variant in ("", "/arm64", "/gpu"):
        names = [f"{path}{variant}/recommended", f"{path}{variant}/recommended/image_id"]
        found = {one["Name"]: one["Value"] for one in ssm.get_parameters(Names=names)["Parameters"]}
        told = json.loads(found[names[0]])
        assert told["image_id"] == found[names[1]]
        image = ec2.describe_images(ImageIds=[told["image_id"]], Owners=["591542846629"])["Images"][0]
        assert image["Name"] == told["image_name"]


def test_images_are_listed_by_owner_and_by_patterns_of_their_names(aws):
    ec2, mark = aws.client("ec2"), uuid.uuid4().hex[:8]
    names = [f"Rocky-9-EC2-Base-9.{minor}-2026110{minor}.{mark}.x86_64" for minor in range(3)]
    ids = [aws.register_image("792107900819", name) for name in names]
    aws.register_image("123456789012", names[0])
    aws.register_image("792107900819", f"Rocky-9-EC2-LVM-9.1-20261101.{mark}.x86_64")

    def listed(*patterns, owners=("792107900819",), **more):
        filters = [{"Name": "name", "Values": list(patterns)}, {"Name": "architecture", "Values": ["x86_64"]}]
        return {one["ImageId"] for one in ec2.describe_images(Owners=owners, Filters=filters, **more)["Images"]}

    assert listed(f"Rocky-9-EC2-Base-9.*-20*.{mark}.x86_64") == set(ids)
    assert listed(f"Rocky-9-EC2-Base-9.?-2026110?.{mark}.x86_64") == set(ids)
    # A question mark stands for no character, too; a pattern fits the whole name, in its case; a backslash quotes.
    assert listed(f"Rocky-9-EC2-Base-9.0?-*.{mark}.x86_6?4?") == {ids[0]}
    assert not listed(f"rocky-9-ec2-base-*{mark}*") | listed(f"*{mark}") | listed(f"\\*{mark}\\*")
    assert listed(names[0], f"*9.2-*{mark}*") == {ids[0], ids[2]}
    assert len(listed(f"Rocky*{mark}*", owners=["792107900819", "123456789012"])) == 5
    assert listed(names[0], owners=["309956199498"]) == set()
    with pytest.raises(ClientError, match="FilterLimitExceeded"):
        listed(*map(str, range(201)))


def test_a_listing_comes_in_pages_that_hold_every_image_once(aws):
    ec2, mark = aws.client("ec2"), uuid.uuid4().hex[:8]
    ids = {aws.register_image("309956199498", f"RHEL-9.{n}.0_HVM-20261101-x86_64-{mark}") for n in range(7)}
    filters = [{"Name": "name", "Values": [f"RHEL-9.*{mark}"]}]
    pages = list(
        ec2.get_paginator("describe_images").paginate(
            Owners=["309956199498"], Filters=filters, PaginationConfig={"PageSize": 3}
        )
    )
    assert [len(page["Images"]) for page in pages] == [3, 3, 1]
    assert {one["ImageId"] for page in pages for one in page["Images"]} == ids


def test_deprecated_images_are_listed_only_if_asked_for_but_described_by_their_ids(aws):
    ec2, name = aws.client("ec2"), f"ubuntu/images/{uuid.uuid4()}"
    old = aws.register_image("099720109477", name, deprecation_time="2026-01-01T00:00:00Z")
    new = aws.register_image("099720109477", name, deprecation_time="2099-01-01T00:00:00Z")

    def listed(**more):
        filters = [{"Name": "name", "Values": [name]}]
        found = ec2.describe_images(Owners=["099720109477"], Filters=filters, **more)["Images"]
        return {one["ImageId"] for one in found}

    assert listed() == {new}
    assert listed(IncludeDeprecated=True) == {old, new}
    described = ec2.describe_images(ImageIds=[old])["Images"][0]
    assert described["DeprecationTime"].startswith("2026-01-01") and described["RootDeviceName"] == "/dev/sda1"


def test_an_image_of_every_vendor_can_be_published(aws):
    ec2 = aws.client("ec2", "ap-south-1")
    for base in bases.ALL:
        name = base.release("2026-11-01")
        image_id = aws.register_image(base.owner, name, architecture=base.architecture, region="ap-south-1")
        if base.parameter:
            aws.publish_parameter(base.parameter, image_id, region="ap-south-1")
            named = aws.client("ssm", "ap-south-1").get_parameter(Name=base.parameter)["Parameter"]["Value"]
            assert named == image_id, base
        image = ec2.describe_images(ImageIds=[image_id], Owners=[base.owner])["Images"][0]
        assert (image["Name"], image["Architecture"]) == (name, base.architecture), base


def test_the_parameters_of_amazon_name_images_of_the_catalogue(aws):
    """Amazon Linux and ECS, as they were on a day of 2026."""
    ssm, ec2 = aws.client("ssm", "us-east-2"), aws.client("ec2", "us-east-2")
    seen = 0
    for base in bases.ALL:
        if not base.name.startswith(("amazon-linux", "ecs-")):
            continue
        image_id = ssm.get_parameter(Name=base.parameter)["Parameter"]["Value"]
        image = ec2.describe_images(ImageIds=[image_id], Owners=[base.owner])["Images"][0]
        assert bases.is_of(base, image["Name"]), image["Name"]
        assert image["Architecture"] == base.architecture and image["RootDeviceName"] == "/dev/xvda"
        seen += 1
    assert seen == 26


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
    with pytest.raises(ClientError, match="InvalidSnapshot.InUse"):
        ec2.delete_snapshot(SnapshotId=snapshot)
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
