"""What each kind of person can do with the rights that docs/OPERATIONS.md gives them, and what they cannot."""

import json
import subprocess
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.people import KINDS, policies
from tests.system.test_files import prism

REFUSALS = {"AccessDenied", "AccessDeniedException"}

pytestmark = pytest.mark.usefixtures("roles")


class Person:
    """Somebody with the rights of these kinds, and everybody's right to read."""

    def __init__(self, world, *kinds):
        self.world, iam, name = world, world.aws.client("iam"), f"person-{uuid.uuid4().hex[:8]}"
        outputs = world.aws.outputs
        account = outputs["BuildImageStateMachineArn"].split(":")[4]
        given = policies(REGION=world.aws.region, ACCOUNT=account, TABLE=outputs["TableName"],
                         ADVISORIES=outputs["AdvisoriesTableName"])  # fmt: skip
        iam.create_user(UserName=name)
        for kind in {"reads", *kinds}:
            iam.put_user_policy(UserName=name, PolicyName=kind.replace(" ", "-"), PolicyDocument=json.dumps(given[kind]))
        self.key = iam.create_access_key(UserName=name)["AccessKey"]

    def client(self, service):
        session = boto3.Session(self.key["AccessKeyId"], self.key["SecretAccessKey"], region_name=self.world.aws.region)
        return session.client(service, endpoint_url=self.world.aws.endpoint)

    def prism(self, *arguments) -> subprocess.CompletedProcess:
        return prism(self.world, *arguments, key=(self.key["AccessKeyId"], self.key["SecretAccessKey"]))


def attempts(world, template) -> dict:
    """Everything that somebody might try: each takes a person's clients."""
    outputs, table = world.aws.outputs, world.aws.outputs["TableName"]
    execution = world.executions_of(template)[0]

    def start(machine, given):
        return lambda person: person.client("stepfunctions").start_execution(
            stateMachineArn=outputs[machine], input=json.dumps(given))  # fmt: skip

    def get(pk, sk):
        return lambda person: person.client("dynamodb").get_item(TableName=table, Key={"pk": {"S": pk}, "sk": {"S": sk}})

    def query(pk):
        return lambda person: person.client("dynamodb").query(
            TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": pk}})  # fmt: skip

    def put(pk, sk="somebody", **fields):
        item = {"pk": {"S": pk}, "sk": {"S": sk}, **{name: {"S": value} for name, value in fields.items()}}
        return lambda person: person.client("dynamodb").put_item(TableName=table, Item=item)

    def transact(*partitions):
        writes = [{"Put": {"TableName": table, "Item": {"pk": {"S": pk}, "sk": {"S": "somebody"}}}} for pk in partitions]
        return lambda person: person.client("dynamodb").transact_write_items(TransactItems=writes)

    def invoke(name, given=None):
        payload = json.dumps(given or {})
        return lambda person: person.client("lambda").invoke(FunctionName=world.function(name), Payload=payload)

    return {
        "read a claim": get("CLAIM", template.target),
        "read a build": query(template.partition),
        "read a task token": get("TOKEN", f"{template.target}-1"),
        "read all task tokens": query("TOKEN"),
        "read all task tokens in a batch": lambda person: person.client("dynamodb").batch_get_item(RequestItems={
            table: {"Keys": [{"pk": {"S": pk}, "sk": {"S": f"{template.target}-1"}} for pk in ("CLAIM", "TOKEN")]}}),
        "scan the table": lambda person: person.client("dynamodb").scan(TableName=table),
        "ask for a build": start("BuildImageStateMachineArn", {"template": template.name}),
        "approve a build": start("ApproveBuildStateMachineArn", {"build": f"{template.target}-99"}),
        "stop a build": lambda person: person.client("stepfunctions").stop_execution(executionArn=execution),
        "read the history of an execution": lambda person: person.client("stepfunctions").get_execution_history(
            executionArn=execution),
        "answer a task token": lambda person: person.client("stepfunctions").send_task_success(
            taskToken="x" * 64, output="{}"),
        "write a template": put("TEMPLATES"),
        "write the policy": put("POLICY"),
        "write an approval onto a claim": put("CLAIM", template.target),
        "write a balance": put("LEDGER", "emergency#2026-11"),
        "write a channel": put(template.partition, f"CHANNEL#{template.base.architecture}#latest"),
        "write a notice": put("NOTICE#2026-11-02", kind="build-complete", id="forged", subject="forged", body="forged",
                              created_at="2026-11-02T10:00:00Z", sent_at="2026-11-02T10:00:00Z"),
        "write a template and a claim": transact("TEMPLATES", "CLAIM"),
        "write a policy and a balance": transact("POLICY", "LEDGER"),
        "delete a template": lambda person: person.client("dynamodb").delete_item(
            TableName=table, Key={"pk": {"S": "TEMPLATES"}, "sk": {"S": template.name}}),
        "invoke plan-build": invoke("plan-build"),
        "invoke approve-build": invoke("approve-build", {"execution": "arn", "input": {"build": f"{template.target}-1"}}),
        "invoke reserve-budget": invoke("reserve-budget"),
        "invoke close-build": invoke("close-build"),
        "invoke schedule-builds": invoke("schedule-builds"),
        "delete the parameter that launches use": lambda person: person.client("ssm").delete_parameter(
            Name=template.parameter),
    }  # fmt: skip


READS = {"read a claim", "read a build"}
CAN = {
    "reads": READS,
    "asks": READS | {"ask for a build"},
    "approves": READS | {"approve a build", "stop a build"},
    "edits templates": READS | {"write a template"},
    "edits the policy": READS | {"write the policy", "write a notice", "invoke schedule-builds"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_can_do_what_the_policy_says_and_nothing_else(world, kind):
    template = world.template()
    template.built()
    person, done = Person(world, kind), set()
    for name, attempt in attempts(world, template).items():
        try:
            attempt(person)
            done.add(name)
        except ClientError as error:
            # Whatever else AWS finds wrong with it, it is allowed.
            if error.response["Error"]["Code"] not in REFUSALS:
                done.add(name)
    for partition in ("TEMPLATES", "POLICY", "NOTICE#2026-11-02"):
        world.table.delete(partition, "somebody")
    assert done == CAN[kind]


def test_who_asks_for_emergency_money_cannot_approve_it_and_somebody_else_can(world, tmp_path):
    policy, written = tmp_path / "policy.yaml", tmp_path / "template.yaml"
    policy.write_text("auto_ami_policy:\n  emergency_needs_approval: true\n")
    template = world.adopt(f"people-{uuid.uuid4().hex[:6]}", world.base("debian-12", "x86_64"))
    written.write_text(f"name: People\nslug: {template.name}\nbase: debian-12\n")
    editor, author = Person(world, "edits the policy"), Person(world, "edits templates")
    assert editor.prism("policy", "apply", policy).returncode == 0
    assert author.prism("templates", "apply", written).returncode == 0
    assert author.prism("policy", "apply", policy, "--dry-run").returncode == 0, "everybody reads"

    asker, approver = Person(world, "asks"), Person(world, "approves")
    template.will("succeed")
    asked = asker.prism("templates", "auto-ami", "build", template.name, "--urgent", "--reason", "exam at noon")
    assert asked.returncode == 0, asked.stderr
    assert "approval" in template.waits()["reason"]
    build = template.build()["id"]
    refused = asker.prism("builds", "approve", build)
    assert refused.returncode != 0 and "not authorized" in refused.stderr, refused.stderr
    listed = json.loads(approver.prism("approvals", "list", "--output", "json").stdout)["approvals"]
    assert [(one["build"], one["reason"]) for one in listed] == [(build, "exam at noon")]
    approved = approver.prism("builds", "approve", build, "--reason", "it is one")
    assert approved.returncode == 0 and "may start, at a cost of $" in approved.stdout, approved.stderr
    world.until(lambda: template.endings() == ["complete"])
    assert template.build()["reservation"]["source"] == "emergency"
    unasked = approver.prism("templates", "auto-ami", "build", template.name)
    assert unasked.returncode != 0 and "not authorized" in unasked.stderr, unasked.stderr
