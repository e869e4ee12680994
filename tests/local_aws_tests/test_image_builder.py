import json
import uuid

import pytest
from botocore.exceptions import ClientError

AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-minimal-kernel-6.1-x86_64"
DOCUMENT = "name: x\nschemaVersion: 1.0\nphases:\n  - name: build\n    steps: []\n"


@pytest.fixture
def builder(aws):
    return aws.client("imagebuilder")


@pytest.fixture
def pipeline(aws, builder):
    name = f"t-{uuid.uuid4().hex[:8]}"
    component = builder.create_component(name=name, semanticVersion="1.0.0", platform="Linux", data=DOCUMENT)
    recipe = builder.create_image_recipe(
        name=name,
        semanticVersion="1.0.17",
        parentImage=aws.client("ssm").get_parameter(Name=AL2023)["Parameter"]["Value"],
        components=[{"componentArn": component["componentBuildVersionArn"]}],
        amiTags={"prism:template": name},
    )
    distribution = builder.create_distribution_configuration(
        name=name,
        distributions=[
            {
                "region": region,
                "amiDistributionConfiguration": {
                    "name": name + " {{ imagebuilder:buildDate }}",
                    "amiTags": {"in": region},
                },
            }
            for region in ("us-east-1", "eu-west-1")
        ],
    )
    made = builder.create_image_pipeline(
        name=name,
        imageRecipeArn=recipe["imageRecipeArn"],
        infrastructureConfigurationArn=aws.outputs["InfrastructureArn"],
        distributionConfigurationArn=distribution["distributionConfigurationArn"],
    )
    return {"name": name, "arn": made["imagePipelineArn"], "recipe": recipe["imageRecipeArn"]}


@pytest.fixture
def ended(aws, builder):
    def wait(arn):
        def over():
            image = builder.get_image(imageBuildVersionArn=arn)["image"]
            return image["state"]["status"] in ("AVAILABLE", "FAILED", "CANCELLED") and image

        return aws.wait_until(over, 10)

    return wait


@pytest.fixture
def events(aws):
    """The events of an image, as a queue behind a rule gets them."""
    sqs = aws.client("sqs")
    name = f"images-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.client("events").put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.imagebuilder"]}))
    aws.client("events").put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])

    def of(image):
        found = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(one["Body"]) for one in messages]
        return [one for one in found if one["resources"] == [image]]

    yield of
    aws.client("events").remove_targets(Rule=name, Ids=["q"])
    aws.client("events").delete_rule(Name=name)


def test_a_build_is_made_and_told(aws, builder, pipeline, ended, events):
    aws.script_image_builder("succeed", seconds=1, template=pipeline["name"])
    token = str(uuid.uuid4())
    given = {"imagePipelineArn": pipeline["arn"], "clientToken": token, "tags": {"prism:build": "t-17"}}
    arn = builder.start_image_pipeline_execution(**given)["imageBuildVersionArn"]
    assert arn.endswith(f":image/{pipeline['name']}/1.0.17/1")
    assert builder.start_image_pipeline_execution(**given)["imageBuildVersionArn"] == arn
    with pytest.raises(ClientError, match="IdempotentParameterMismatchException"):
        builder.start_image_pipeline_execution(**{**given, "tags": {"other": "x"}})
    image = ended(arn)
    assert image["state"]["status"] == "AVAILABLE" and image["tags"] == {"prism:build": "t-17"}
    assert [one["region"] for one in image["outputResources"]["amis"]] == ["us-east-1", "eu-west-1"]
    for one in image["outputResources"]["amis"]:
        ami = aws.client("ec2", one["region"]).describe_images(ImageIds=[one["image"]])["Images"][0]
        tags = {tag["Key"]: tag["Value"] for tag in ami["Tags"]}
        assert tags["prism:template"] == pipeline["name"] and tags["in"] == one["region"]
    told = [
        (one["detail"].get("previous-state", {}).get("status"), one["detail"]["state"]["status"]) for one in events(arn)
    ]
    assert told[0] == (None, "PENDING") and told[-1] == ("INTEGRATING", "AVAILABLE")
    listed = builder.list_image_pipeline_images(imagePipelineArn=pipeline["arn"])["imageSummaryList"]
    assert [one["arn"] for one in listed] == [arn]


def test_what_is_installed_is_listed_by_pages(aws, builder, pipeline, ended):
    wanted = [[f"package-{number}", f"1:{number}-1"] for number in range(60)]
    aws.script_image_builder("succeed", seconds=0, template=pipeline["name"], packages=wanted)
    listed = []
    for _ in "12":
        arn = builder.start_image_pipeline_execution(imagePipelineArn=pipeline["arn"])["imageBuildVersionArn"]
        ended(arn)
        pages = list(builder.get_paginator("list_image_packages").paginate(imageBuildVersionArn=arn))
        found = [one for page in pages for one in page["imagePackageList"]]
        listed.append([[one["packageName"], one["packageVersion"]] for one in found])
    assert listed[0] == wanted and ["openssl", "3.2.2"] in listed[1], "the second is a default of its family"
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        builder.list_image_packages(imageBuildVersionArn=arn, maxResults=26)
    with pytest.raises(ValueError, match="packages is not a list"):
        aws.script_image_builder("succeed", packages=[["openssl"]])


def test_a_failed_test_leaves_its_ami(aws, builder, pipeline, ended):
    aws.script_image_builder("fail-test", seconds=1)
    arn = builder.start_image_pipeline_execution(imagePipelineArn=pipeline["arn"])["imageBuildVersionArn"]
    state = ended(arn)["state"]
    assert state["status"] == "FAILED" and state["failureContext"]["failedStep"] == "ApplyTestComponents"
    filters = [{"Name": "tag:prism:template", "Values": [pipeline["name"]]}]
    assert len(aws.client("ec2").describe_images(Owners=["self"], Filters=filters)["Images"]) == 1
    workflow = builder.list_workflow_executions(imageBuildVersionArn=arn)["workflowExecutions"][-1]
    steps = builder.list_workflow_step_executions(workflowExecutionId=workflow["workflowExecutionId"])["steps"]
    assert [step["name"] for step in steps if step["status"] == "FAILED"] == ["ApplyTestComponents"]


def test_a_failed_build_leaves_none(aws, builder, pipeline, ended):
    aws.script_image_builder("fail-build", seconds=1)
    arn = builder.start_image_pipeline_execution(imagePipelineArn=pipeline["arn"])["imageBuildVersionArn"]
    assert ended(arn)["state"]["status"] == "FAILED"
    filters = [{"Name": "tag:prism:template", "Values": [pipeline["name"]]}]
    assert aws.client("ec2").describe_images(Owners=["self"], Filters=filters)["Images"] == []


def test_builds_run_on_the_virtual_clock_and_can_be_cancelled(aws, builder, pipeline, ended):
    aws.script_image_builder("succeed", seconds=3600)
    aws.script_image_builder("hang")
    slow, stuck = (
        builder.start_image_pipeline_execution(imagePipelineArn=pipeline["arn"])["imageBuildVersionArn"] for _ in "12"
    )
    aws.clock.advance("61m")
    assert ended(slow)["state"]["status"] == "AVAILABLE"
    assert builder.get_image(imageBuildVersionArn=stuck)["image"]["state"]["status"] == "BUILDING"
    builder.cancel_image_creation(imageBuildVersionArn=stuck)
    assert ended(stuck)["state"]["status"] == "CANCELLED"


def test_throttled_lost_and_early(aws, builder, pipeline, ended, events):
    start = {"imagePipelineArn": pipeline["arn"]}
    aws.script_image_builder("throttle")
    with pytest.raises(ClientError, match="CallRateLimitExceededException"):
        builder.start_image_pipeline_execution(**start)
    aws.script_image_builder("succeed", seconds=0, lose_event=True)
    lost = builder.start_image_pipeline_execution(**start)["imageBuildVersionArn"]
    ended(lost)
    assert events(lost) == []
    aws.script_image_builder("succeed", event_before_response=True)
    early = builder.start_image_pipeline_execution(**start)["imageBuildVersionArn"]
    assert events(early)[-1]["detail"]["state"]["status"] == "AVAILABLE"


def test_what_is_refused(aws, builder, pipeline):
    with pytest.raises(ClientError, match="ResourceAlreadyExistsException"):
        builder.create_image_recipe(name=pipeline["name"], semanticVersion="1.0.17", parentImage="ami-1")
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        builder.create_image_recipe(name=pipeline["name"], semanticVersion="seventeen", parentImage="ami-1")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        builder.get_image(imageBuildVersionArn="arn:aws:imagebuilder:us-east-1:000000000000:image/none/1.0.0/1")
    with pytest.raises(ClientError, match="ResourceDependencyException"):
        builder.delete_image_recipe(imageRecipeArn=pipeline["recipe"])


def test_the_quota_of_pipelines(aws, builder, pipeline):
    there = aws.client("imagebuilder", "ap-south-1")
    recipe = there.create_image_recipe(name="quota", semanticVersion="1.0.0", parentImage="ami-1")["imageRecipeArn"]
    profile = builder.get_infrastructure_configuration(infrastructureConfigurationArn=aws.outputs["InfrastructureArn"])
    infrastructure = there.create_infrastructure_configuration(
        name="quota", instanceProfileName=profile["infrastructureConfiguration"]["instanceProfileName"]
    )
    given = {
        "imageRecipeArn": recipe,
        "infrastructureConfigurationArn": infrastructure["infrastructureConfigurationArn"],
    }
    for number in range(75):
        there.create_image_pipeline(name=f"quota-{number}", **given)
    with pytest.raises(ClientError, match="ServiceQuotaExceededException"):
        there.create_image_pipeline(name="one-more", **given)
