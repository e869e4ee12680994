"""All that there is to know after a storm: what invariants are checked against."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field

from tests.storm.environment import REGIONS
from tests.system.test_roles import denied

_EXIT = re.compile(r"^.* WARNING .*Lambda [\w-]+: Runtime exited before returning a response$", re.M)
ENDED = ("AVAILABLE", "FAILED", "CANCELLED", "DELETED")


@dataclass
class Result:
    """What happened, and what is left."""

    environment: object
    changes: list
    items: list
    executions: list = field(default_factory=list)
    amis: dict = field(default_factory=dict)
    snapshots: dict = field(default_factory=dict)
    notices: list = field(default_factory=list)
    lost: list = field(default_factory=list)
    refusals: list = field(default_factory=list)
    exits: int = 0
    kills: int = 0

    @classmethod
    def of(cls, environment) -> "Result":
        environment.aws.is_quiet_within(5)
        result = cls(environment, environment.recorder.changes(), environment.table.all())
        result.executions = _executions(environment)
        for region in (environment.aws.region, *REGIONS):
            ec2 = environment.aws.client("ec2", region)
            result.amis[region] = {one["ImageId"]: one for one in ec2.describe_images(Owners=["self"])["Images"]}
            result.snapshots[region] = {one["SnapshotId"] for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]}
        result.notices, result.lost = environment.world.inbox.all(), environment.world.inbox.set_aside()
        result.refusals = denied(environment.world)
        folder = environment.aws.state_dir
        result.exits = len(_EXIT.findall((folder / "server.log").read_text()))
        logs = (file.read_text() for file in (folder / "logs").iterdir())
        result.kills = sum(log.count('"message":"ended at a fault point"') for log in logs)
        return result

    # -- the table as it is now ----------------------------------------------------------------------------------

    def having(self, pk: str, sk: str = "") -> list:
        """The items whose keys begin so."""
        return [one for one in self.items if one["pk"].startswith(pk) and one["sk"].startswith(sk)]

    @property
    def builds(self) -> dict:
        return {one["id"]: one for one in self.having("TEMPLATE#", "BUILD#")}

    @property
    def channels(self) -> list:
        return self.having("TEMPLATE#", "CHANNEL#")

    def decisions(self, kind: str) -> list:
        return [one for one in self.having("TEMPLATE#", "DECISION#") if one["kind"] == kind]

    def is_of_a_victim(self, text: str) -> bool:
        """Whether it names a template whose records somebody has broken."""
        return any(victim.name in text for victim in self.environment.victims)

    # -- what happened to it -------------------------------------------------------------------------------------

    def changes_of(self, pk: str, sk: str = "") -> list:
        return [one for one in self.changes if one.pk.startswith(pk) and one.sk.startswith(sk)]

    def figures(self) -> dict:
        builds = self.builds.values()
        return {
            "executions": dict(Counter(one["status"] for one in self.executions)),
            "builds": len(builds),
            "endings": dict(Counter((one["ending"] or {}).get("kind", "none") for one in builds)),
            "reserved": sum(bool(one["reservation"]) for one in builds),
            "moves_answered": len(self.having("BASE#", "UPDATE#")),
            "published_amis": sum(len(amis) for amis in self.amis.values()),
            "writes": len(self.changes),
            "notices": len(self.notices),
            "notices_twice": len(self.notices) - len({one.id for one in self.notices}),
            "lost_work": len(self.lost),
        }


def _executions(environment) -> list:
    """Every execution of every state machine, with its error and cause if it failed."""
    client, found = environment.aws.client("stepfunctions"), []
    for machine in client.list_state_machines()["stateMachines"]:
        pages = client.get_paginator("list_executions").paginate(stateMachineArn=machine["stateMachineArn"])
        found += [one for page in pages for one in page["executions"]]
    return [client.describe_execution(executionArn=one["executionArn"]) if one["status"] == "FAILED" else one for one in found]


def error_of(lost: dict) -> str:
    """What a dead letter says of the error, in a line."""
    told = lost.get("responsePayload") or lost.get("responseContext") or lost
    return json.dumps(told)[:300]
