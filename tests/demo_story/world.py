"""The embedded AWS as the story looks at it: the table, executions, events, e-mails, and the command line."""

import json
import os
import subprocess
from datetime import datetime, timedelta

from boto3.dynamodb.types import TypeDeserializer

from tests.demo_story.report import DidNotHappen
from tests.demo_story.screen import moment
from tests.local_aws import LocalAws
from tests.local_aws.clock import preload
from tests.local_aws.local import ROOT

EVENTS = "prism-demo-image-builder"


class World:
    """Reads what there is; moves the clock."""

    def __init__(self, aws: LocalAws):
        self.aws = aws
        self.outputs = aws.outputs
        self._table = aws.outputs["TableName"]
        self._events = self._listen()

    # -- time ------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        return moment(self.aws.clock.now())

    def go_to(self, when: datetime) -> None:
        """Moves the clock, and comes back when all that this set off is over."""
        self.aws.clock.set(when.isoformat().replace("+00:00", "Z"))

    def advance(self, length: timedelta) -> None:
        self.aws.clock.advance(f"{length.total_seconds():.0f}s")

    # -- the table -------------------------------------------------------------------------------------

    def items(self, pk: str, prefix: str = "") -> list:
        """The items of a partition, by sort key."""
        values = {":pk": {"S": pk}}
        condition = "pk = :pk"
        if prefix:
            condition, values[":sk"] = condition + " AND begins_with(sk, :sk)", {"S": prefix}
        found = self.aws.client("dynamodb").query(
            TableName=self._table, KeyConditionExpression=condition, ExpressionAttributeValues=values, ConsistentRead=True)  # fmt: skip
        read = TypeDeserializer().deserialize
        return [{name: read(value) for name, value in item.items()} for item in found["Items"]]

    def item(self, pk: str, sk: str) -> dict:
        found = [one for one in self.items(pk, sk) if one["sk"] == sk]
        return found[0] if found else {}

    def build(self, template: str, number: int) -> dict:
        found = [one for one in self.items(f"TEMPLATE#{template}", "BUILD#") if one["sk"].endswith(f"#{number:08}")]
        return found[0] if found else {}

    def channel(self, template: str) -> dict:
        return (self.items(f"TEMPLATE#{template}", "CHANNEL#") or [{}])[0]

    def waiting(self) -> dict:
        """The builds that hold a claim, by template."""
        return {one["target"]["template"]: one["held"] for one in self.items("CLAIM") if one.get("held")}

    # -- executions ------------------------------------------------------------------------------------

    def start(self, wish: dict) -> str:
        """What the Step Functions console does."""
        started = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs["BuildImageStateMachineArn"], input=json.dumps(wish))  # fmt: skip
        return started["executionArn"]

    def refuse_failed_executions(self) -> None:
        """Raises if any execution has failed, with what it says."""
        sfn = self.aws.client("stepfunctions")
        for one in sfn.list_executions(stateMachineArn=self.outputs["BuildImageStateMachineArn"])["executions"]:
            if one["status"] not in ("RUNNING", "SUCCEEDED"):
                told = sfn.describe_execution(executionArn=one["executionArn"])
                build = self.item(f"REQUEST#{one['executionArn']}", "REQUEST").get("build") or f"the request {one['name']}"
                raise DidNotHappen(f"{build} is {one['status']}: {told.get('cause') or told.get('error')}",
                                   "target/demo/logs/: every function's log is there")  # fmt: skip

    # -- Image Builder's events ------------------------------------------------------------------------

    def _listen(self) -> str:
        """A queue that gets every change of state of an image."""
        sqs, events = self.aws.client("sqs"), self.aws.client("events")
        url = sqs.create_queue(QueueName=EVENTS)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name=EVENTS, EventPattern=json.dumps({"source": ["aws.imagebuilder"]}))
        events.put_targets(Rule=EVENTS, Targets=[{"Id": "queue", "Arn": arn}])
        return url

    def image_states(self) -> list:
        """The changes that have come since the last call: (when, image ARN, state), in their order."""
        found = [json.loads(one["Body"]) for one in self._drain(self._events)]
        changes = [(moment(one["time"]), one["resources"][0], one["detail"]["state"]["status"]) for one in found]
        return sorted(changes, key=lambda change: change[0])

    # -- e-mails ---------------------------------------------------------------------------------------

    def mails(self, *ids: str) -> list:
        """Waits till notices of these ids have come; all that has come, in the order of sending."""
        come = []

        def all_here():
            come.extend(self._drain(self.outputs["NoticesQueueUrl"]))
            return {wanted for wanted in ids if not any(wanted in one["Body"] for one in come)} == set()

        try:
            self.aws.wait_until(all_here, timeout=15)
        except TimeoutError:
            have = ", ".join(json.loads(one["Body"])["Subject"] for one in come) or "nothing"
            raise DidNotHappen(f"no e-mail of {', '.join(ids)} came within 15 s; there came {have}",
                               "target/demo/logs/prism-auto-ami-notify.log") from None  # fmt: skip
        letters = [json.loads(one["Body"]) for one in come]
        return sorted(({"at": one["Timestamp"], "subject": one["Subject"], "body": one["Message"],
                        "attributes": one.get("MessageAttributes", {})} for one in letters), key=lambda one: one["at"])  # fmt: skip

    def _drain(self, url: str) -> list:
        sqs, found = self.aws.client("sqs"), []
        while True:
            some = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            if not some:
                return found
            for one in some:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
            found += some

    # -- the command line ------------------------------------------------------------------------------

    def prism(self, *arguments: str) -> str:
        """Runs `prism` as a person would, under the virtual clock; its answer."""
        environment = {
            "PATH": os.environ.get("PATH", ""), "HOME": str(self.aws.state_dir / "tmp"), "TZ": "UTC", "NO_COLOR": "1",
            "AWS_ENDPOINT_URL": self.aws.endpoint, "AWS_REGION": self.aws.region, "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true", **preload(self.aws.state_dir / "clock"),
        }  # fmt: skip
        done = subprocess.run([ROOT / "target/debug/prism", *arguments], cwd=ROOT, env=environment, text=True,
                              capture_output=True, timeout=60, stdin=subprocess.DEVNULL)  # fmt: skip
        if done.returncode:
            raise DidNotHappen(
                f"prism {' '.join(arguments)} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}"
            )
        return done.stdout.rstrip("\n")

    def budgets(self) -> list:
        """The budgets as the status tells them."""
        return json.loads(self.prism("templates", "auto-ami", "status", "--output", "json"))["budgets"]
