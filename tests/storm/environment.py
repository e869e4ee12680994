"""What a storm plays on: an embedded AWS, base images, templates, and what everybody does to them."""

import json
import threading
from collections import Counter

from tests.local_aws import LocalAws
from tests.storm.stream_recorder import StreamRecorder
from tests.system import bases
from tests.system.inbox import Inbox
from tests.system.world import World

# Where images are published besides the home region, once a policy says so.
REGIONS = ("us-west-2", "eu-central-1")
# What a first build of the storm's smallest template costs: 45 minutes of m7i.large, and 20 GB for a month.
ONE_BUILD = 1_075_600
WINDOWS = ("00:00-23:59 UTC", "02:00-06:00 UTC", "20:00-23:00 UTC")
BASES = ("debian-12", "ubuntu-22.04", "amazon-linux-2023")
# A little more than half a day before a month ends.
BEGINNING = "2026-11-30T10:01:00Z"


def start(folder, seed: int, templates: int) -> "Environment":
    """A new embedded AWS in a folder, with the roles enforced and templates that have no image yet."""
    aws = LocalAws.start(folder, bases.ROOT / "infra/template.yaml", bases.ROOT / "target/lambda", at=BEGINNING, auth=True)
    try:
        return Environment(aws, seed, templates)
    except BaseException:
        aws.stop()
        raise


class Environment:
    """The embedded AWS, with clients that are used by many threads at once."""

    def __init__(self, aws: LocalAws, seed: int, templates: int):
        self.aws, self.seed, self.loud = aws, seed, False
        self.figures, self.doubts = Counter(), []
        self.foreign_amis, self.foreign_images, self.broken = {}, [], {}
        self._lock, self._moving = threading.Lock(), threading.Lock()
        self.broken_lock = threading.Lock()
        self._executions, self._release = [], Counter()
        for service in ("dynamodb", "stepfunctions", "ec2", "imagebuilder", "ssm", "lambda", "sqs"):
            aws.client(service)  # boto3 makes clients in one thread at a time only
        self.recorder = StreamRecorder(aws)
        self.world = World(aws, Inbox(aws), bases.every())
        self.table = self.world.table
        self.advisories = []
        self.bases = self._publish_bases()
        self.templates = [self._template(number) for number in range(templates)]
        # Whose records get broken; nothing else is promised of them than that they work again once mended.
        self.victims = [self.world.template(self.bases[number]) for number in range(2)]

    def _publish_bases(self) -> list:
        """Three base images for both architectures, seen by the system."""
        found = [bases.named(name, architecture) for architecture in ("x86_64", "arm64") for name in BASES]
        for base in found:
            self.world.publish(base)
        self.world.watch()
        return found

    def _template(self, number: int):
        return self.world.template(self.bases[number % len(self.bases)])

    # -- what people and the system do ---------------------------------------------------------------------------

    def start(self, given, name: str | None = None) -> str:
        arn = self.world.start_with(given, name)
        with self._lock:
            self._executions.append(arn)
            self.figures["started"] += 1
        return arn

    def look(self, template) -> str:
        """Has somebody look what a template is due."""
        return self.start({"template": template.name, "architectures": [template.base.architecture], "only_if_due": True})

    def decide(self, given) -> str:
        """Approves or rejects a build."""
        return self.world.decide(**given)

    def recent_executions(self, count: int = 60) -> list:
        with self._lock:
            return self._executions[-count:]

    def count(self, what: str, by: int = 1) -> None:
        with self._lock:
            self.figures[what] += by

    def doubt(self, what: str) -> None:
        """Something that the storm itself expected was not so."""
        with self._lock:
            self.doubts.append(what)

    def policy(self, **fields) -> None:
        self.world.policy(**fields)
        self.count("policies")

    def change_template(self, template, **more) -> None:
        """Applies a template with other fields, as `prism templates apply` does."""
        record = self.table.get("TEMPLATES", template.name)
        written = {**record["template"], **more}
        fields = {name: value for name, value in record.items() if name not in ("pk", "sk")}
        self.table.put("TEMPLATES", template.name, **{**fields, "template": written, "revision": record["revision"] + 1})
        self.count("template_edits")

    def move_base(self, base) -> None:
        """Its vendor releases an image, and base images are looked at."""
        self.world.publish(base)
        self.count("base_moves")
        self.invoke("watch-base-images")

    def invoke(self, name: str) -> None:
        """Has a function look, without waiting for it: whatever becomes of that, its schedule looks again."""
        self.aws.client("lambda").invoke(FunctionName=self.world.function(name), InvocationType="Event", Payload="{}")

    def advance(self, span: str, patience: float = 5) -> None:
        """Moves the clock. The stream is read before, since it keeps its records for a day only."""
        with self._moving:
            self.recorder.changes()
            self.aws.clock.advance(span, patience)
            self.count("clock_moves")

    # -- what is seen --------------------------------------------------------------------------------------------

    def claims(self, stage: str | None = None) -> list:
        """The claims that a build holds, of templates that nobody breaks."""
        names = {template.name for template in self.templates}
        held = [one for one in self.table.query("CLAIM") if one.get("held") and one["target"]["template"] in names]
        return [one for one in held if stage in (None, one["held"]["stage"])]

    def waiting_for_approval(self) -> list:
        return [one for one in self.claims("waiting") if "approv" in (one["held"]["parked"] or {}).get("reason", "")]

    def template_of(self, name: str):
        return next(one for one in (*self.templates, *self.victims) if one.name == name)

    def running(self) -> list:
        """The executions that have not ended, of every state machine."""
        client = self.aws.client("stepfunctions")
        machines = client.list_state_machines()["stateMachines"]
        pages = [
            page
            for machine in machines
            for page in client.get_paginator("list_executions").paginate(
                stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING"
            )
        ]
        return [one["executionArn"] for page in pages for one in page["executions"]]

    @property
    def account(self) -> str:
        return self.aws.outputs["BuildImageStateMachineArn"].split(":")[4]


def as_line(figures: dict) -> str:
    return json.dumps(figures, sort_keys=False)
