"""Enforced roles, by users and roles that a test makes."""

import json
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
MADE = {
    "StringEquals": {"aws:ResourceTag/CreatedBy": "EC2 Image Builder"},
    "StringLike": {"aws:ResourceTag/Ec2ImageBuilderArn": f"arn:aws:imagebuilder:us-east-1:{ACCOUNT}:image/prism-*"},
}
OURS = {**MADE, "Null": {"aws:ResourceTag/prism:build-id": "false"}}


def policy(*statements) -> str:
    """Of (action, resource) or (action, resource, condition)."""
    allowed = [
        {"Effect": "Allow", **dict(zip(("Action", "Resource", "Condition"), one, strict=False))} for one in statements
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": allowed})


@pytest.fixture
def caller(guarded):
    """Clients of a user who may do what is said, and nothing else."""

    def make(*statements):
        iam, name = guarded.client("iam"), f"u-{uuid.uuid4()}"
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
        return lambda service: session.client(service, endpoint_url=guarded.endpoint)

    return make


@pytest.fixture
def made(guarded):
    """The AMI and the snapshot of a build whose tests have failed, and the build's ARN."""

    def build(prefix="prism"):
        builder, ec2, name = guarded.client("imagebuilder"), guarded.client("ec2"), f"{prefix}-{uuid.uuid4().hex[:8]}"
        base = guarded.register_image("099720109477", name)
        document = "name: x\nschemaVersion: 1.0\nphases:\n  - name: build\n    steps: []\n"
        component = builder.create_component(name=name, semanticVersion="1.0.0", platform="Linux", data=document)
        recipe = builder.create_image_recipe(
            name=name,
            semanticVersion="1.0.0",
            parentImage=base,
            components=[{"componentArn": component["componentBuildVersionArn"]}],
            amiTags={"prism:template": name, "prism:build-id": name},
        )
        guarded.script_image_builder("fail-test", seconds=0.2, template=name)
        arn = builder.create_image(
            imageRecipeArn=recipe["imageRecipeArn"],
            infrastructureConfigurationArn=guarded.outputs["InfrastructureArn"],
        )["imageBuildVersionArn"]
        guarded.wait_until(lambda: builder.get_image(imageBuildVersionArn=arn)["image"]["state"]["status"] == "FAILED")
        filters = [{"Name": "tag:Ec2ImageBuilderArn", "Values": [arn]}]
        image = ec2.describe_images(Owners=["self"], Filters=filters)["Images"][0]
        return arn, image["ImageId"], image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]

    return build


def tags(ec2, resource_id: str) -> dict:
    found = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [resource_id]}])["Tags"]
    return {tag["Key"]: tag["Value"] for tag in found}


def test_image_builder_tags_what_it_makes(guarded, made):
    arn, image, snapshot = made()
    own = {"CreatedBy": "EC2 Image Builder", "Ec2ImageBuilderArn": arn}
    assert tags(guarded.client("ec2"), snapshot) == own
    assert own.items() <= tags(guarded.client("ec2"), image).items()


def test_steps_are_listed_by_the_workflow_execution(guarded, caller, made):
    arn, _, _ = made()
    found = guarded.client("imagebuilder").list_workflow_executions(imageBuildVersionArn=arn)["workflowExecutions"]
    ids = [one["workflowExecutionId"] for one in found]
    execution = f"arn:aws:imagebuilder:us-east-1:{ACCOUNT}:workflow-execution/{ids[0]}"
    builder = caller(("imagebuilder:ListWorkflowStepExecutions", execution))("imagebuilder")
    assert builder.list_workflow_step_executions(workflowExecutionId=ids[0])["steps"]
    with pytest.raises(ClientError, match="not authorized"):
        builder.list_workflow_step_executions(workflowExecutionId=ids[1])


def test_images_and_snapshots_are_removed_by_their_tags(guarded, caller, made):
    ec2 = caller(
        ("ec2:DeregisterImage", "arn:aws:ec2:*::image/*", OURS),
        ("ec2:DeleteSnapshot", "arn:aws:ec2:*::snapshot/*", MADE),
    )("ec2")
    _, image, snapshot = made()
    ec2.deregister_image(ImageId=image)
    with pytest.raises(ClientError, match="InvalidSnapshot.InUse"):
        ec2.delete_snapshot(SnapshotId=snapshot)
    ec2.delete_snapshot(SnapshotId=snapshot)
    with pytest.raises(ClientError, match="InvalidSnapshot.NotFound"):
        guarded.client("ec2").describe_snapshots(SnapshotIds=[snapshot])
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        ec2.deregister_image(ImageId=image)  # what is gone has no tags
    for missing in ("prism:build-id", "CreatedBy", "Ec2ImageBuilderArn"):
        _, image, snapshot = made()
        guarded.client("ec2").delete_tags(Resources=[image, snapshot], Tags=[{"Key": missing}])
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            ec2.deregister_image(ImageId=image)
        if missing != "prism:build-id":
            with pytest.raises(ClientError, match="UnauthorizedOperation"):
                ec2.delete_snapshot(SnapshotId=snapshot)
    _, image, snapshot = made("other")
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        ec2.deregister_image(ImageId=image)
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        ec2.delete_snapshot(SnapshotId=snapshot)


def test_images_and_snapshots_belong_to_no_account(caller, made):
    _, image, _ = made()
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        caller(("ec2:DeregisterImage", f"arn:aws:ec2:*:{ACCOUNT}:image/*"))("ec2").deregister_image(ImageId=image)


def test_every_parameter_must_be_allowed(caller):
    ssm = caller(("ssm:GetParameters", f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/mine/*"))("ssm")
    assert ssm.get_parameters(Names=["/mine/a", "/mine/b"])["InvalidParameters"] == ["/mine/a", "/mine/b"]
    for names in (["/mine/a", "/yours/b"], ["/yours/b", "/mine/a"], ["/mine/a", "/aws/service/b"]):
        with pytest.raises(ClientError, match="AccessDenied"):
            ssm.get_parameters(Names=names)


def test_a_pipeline_is_started_by_who_may_read_it(guarded, caller):
    start = "imagebuilder:StartImagePipelineExecution"
    pipeline = f"arn:aws:imagebuilder:us-east-1:{ACCOUNT}:image-pipeline/none"
    with pytest.raises(ClientError, match="not authorized"):
        caller((start, pipeline))("imagebuilder").start_image_pipeline_execution(imagePipelineArn=pipeline)
    both = caller((start, pipeline), ("imagebuilder:GetImagePipeline", pipeline))("imagebuilder")
    with pytest.raises(both.exceptions.ResourceNotFoundException):
        both.start_image_pipeline_execution(imagePipelineArn=pipeline)


def test_items_are_read_and_written_by_their_leading_keys(guarded, caller):
    """One by one, in a batch, and each of a transaction by itself."""
    table = guarded.outputs["TableName"]
    arn = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{table}"

    def keys(*of):
        return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(of)}}

    dynamodb = caller(
        ("dynamodb:PutItem", arn, keys("NOTICE#*", "CLAIM")),
        ("dynamodb:BatchWriteItem", arn, keys("NOTICE#*")),
        ("dynamodb:ConditionCheckItem", arn, keys("POLICY")),
        ("dynamodb:Query", arn, keys("CLAIM")),
    )("dynamodb")

    def item(key):
        return {"id": {"S": key}}

    def put(key):
        return {"Put": {"TableName": table, "Item": item(key)}}

    def check(key):
        return {"ConditionCheck": {"TableName": table, "Key": item(key), "ConditionExpression": "attribute_not_exists(id)"}}

    def query(key):
        return dynamodb.query(TableName=table, KeyConditionExpression="#id = :id", ExpressionAttributeNames={"#id": "id"},
                              ExpressionAttributeValues={":id": {"S": key}})  # fmt: skip

    def batch(*of):
        dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item(key)}} for key in of]})

    dynamodb.put_item(TableName=table, Item=item("CLAIM"))
    batch("NOTICE#1", "NOTICE#2")
    dynamodb.transact_write_items(TransactItems=[put("NOTICE#3"), put("CLAIM"), check("POLICY")])
    assert query("CLAIM")["Count"] == 1
    refused = [
        lambda: dynamodb.put_item(TableName=table, Item=item("LEDGER")),
        lambda: batch("NOTICE#1", "CLAIM"),
        lambda: dynamodb.transact_write_items(TransactItems=[put("CLAIM"), put("LEDGER")]),
        lambda: dynamodb.transact_write_items(TransactItems=[put("LEDGER"), put("CLAIM")]),
        lambda: dynamodb.transact_write_items(TransactItems=[put("POLICY"), check("POLICY")]),
        lambda: dynamodb.transact_write_items(TransactItems=[put("CLAIM"), check("LEDGER")]),
        lambda: query("LEDGER"),
    ]
    for call in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


@pytest.fixture
def ran(guarded):
    """How one task ends, under a role that may do what is said: its error, or None."""

    def run(resource, arguments, *statements):
        iam, sfn, name = guarded.client("iam"), guarded.client("stepfunctions"), f"m-{uuid.uuid4()}"
        trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*statements))
        task = {"Type": "Task", "Resource": resource, "Arguments": arguments, "TimeoutSeconds": 20, "End": True}
        definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Task", "States": {"Task": task}})
        machine = sfn.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
        execution = sfn.start_execution(stateMachineArn=machine)["executionArn"]

        def over():
            found = sfn.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        return guarded.wait_until(over).get("error")

    return run


def test_a_state_machine_invokes_what_its_role_may(guarded, ran):
    invoke, worker = "arn:aws:states:::lambda:invoke", guarded.outputs["WorkerFunctionName"]
    arn = guarded.client("lambda").get_function_configuration(FunctionName=worker)["FunctionArn"]
    for name in (arn, worker):
        given = {"FunctionName": name, "Payload": {}}
        assert ran(invoke, given, ("lambda:InvokeFunction", arn)) is None
        assert ran(invoke, given, ("lambda:InvokeFunction", arn + "x")) == "Lambda.AWSLambdaException"
    assert ran(invoke, given) == "Lambda.AWSLambdaException"


def test_a_state_machine_writes_the_keys_that_its_role_may(guarded, ran):
    table = guarded.outputs["TableName"]
    arn = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{table}"
    mine = ("dynamodb:UpdateItem", arn, {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["CLAIM"]}})

    def update(key):
        return {
            "TableName": table,
            "Key": {"id": {"S": key}},
            "UpdateExpression": "SET a = :a",
            "ExpressionAttributeValues": {":a": {"S": "b"}},
        }

    sdk = "arn:aws:states:::aws-sdk:dynamodb:updateItem"
    assert ran(sdk, update("CLAIM"), mine) is None
    assert ran(sdk, update("OTHER"), mine) == "DynamoDb.DynamoDbException"
    assert ran("arn:aws:states:::dynamodb:updateItem", update("OTHER"), mine) == "DynamoDB.AmazonDynamoDBException"
    assert ran(sdk, update("CLAIM"), ("dynamodb:PutItem", arn)) == "DynamoDb.DynamoDbException"

    def together(*keys):
        return {"TransactItems": [{"Update": update(key)} for key in keys]}

    transaction = "arn:aws:states:::aws-sdk:dynamodb:transactWriteItems"
    both = ("dynamodb:UpdateItem", arn, {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["CLAIM", "TOKEN"]}})
    assert ran(transaction, together("CLAIM", "TOKEN"), both) is None
    assert ran(transaction, together("CLAIM", "TOKEN"), mine) == "DynamoDb.DynamoDbException"
    assert ran(transaction, together("CLAIM"), ("dynamodb:PutItem", arn)) == "DynamoDb.DynamoDbException"
