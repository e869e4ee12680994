"""One test's own part of the system: its templates, base images and builds; the rest of the table is others'."""

import itertools
import json
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from tests.system import bases
from tests.system.table import Table

# A minute after the hour: every schedule has fired when the clock gets there, and the hourly ones not for an hour.
MORNING = "10:01"
_numbers = itertools.count(1)
_asked = {}  # execution -> the template that it asks for


class World:
    """What a test does and looks at. Every world begins at 10:01 UTC of a day of its own."""

    def __init__(self, aws, inbox, free_bases: list):
        self.aws, self.inbox, self.table = aws, inbox, Table(aws)
        self.advisories = Table(aws, "AdvisoriesTableName")
        self._free, self._templates = free_bases, []
        self._published = {}
        self._logs = aws.state_dir / "logs"
        self._logged = {file.name: file.stat().st_size for file in self._logs.iterdir()}

    # -- what stands there ---------------------------------------------------------------------------------------

    def base(self, name: str | None = None, architecture: str | None = None) -> bases.Base:
        """A base image that no other template stands on, with a release that the system has seen. By its name, any of
        the catalogue: one that no parameter names is published by registering its image."""
        wanted = [one for one in self._free if name in (None, one.name) and architecture in (None, one.architecture)]
        base = wanted[0] if wanted else bases.named(name, architecture or "x86_64")
        if wanted:
            self._free.remove(base)
            self._free.append(base)
        self.publish(base)
        self.watch()
        return base

    def publish(self, base: bases.Base, image: str | None = None, region: str | None = None, **more) -> str:
        """Its vendor releases the next image, and its parameter, if it has one, names that; or `image`, if given.
        `more` is what else that image has."""
        if image is None:
            count = self._published.get(base, 0)
            day = (self.now() - timedelta(days=1) + timedelta(days=count)).strftime("%Y-%m-%d")
            self._published[base] = count + 1
            image = self.aws.register_image(base.owner, base.release(day), architecture=base.architecture,
                                            creation_date=f"{day}T00:00:00Z", region=region, **more)  # fmt: skip
        if base.parameter:
            self.aws.publish_parameter(base.parameter, image, region=region)
        return image

    def trouble(self, base: bases.Base, region: str | None = None) -> dict | None:
        """What is wrong with a base image, as far as the system knows."""
        return self.table.get(f"TROUBLE#{region or self.aws.region}", f"{base.name}#{base.architecture}")

    def unseen(self) -> bases.Base:
        """A base image with a release that the system has not looked at, now or ever."""
        base = self.base()
        for item in self.table.query(base.partition, "UPDATE#"):
            self.table.delete(item["pk"], item["sk"])
        self.table.delete(*base.tracked)
        return base

    def template(self, base: bases.Base | None = None, **more) -> "Template":
        """A template that is applied, on a base image of its own unless one is given."""
        base = base or self.base()
        name = f"t{next(_numbers)}-{base.name.replace('.', '')}"
        written = {"name": f"Template {name}", "slug": name, "base": base.name, "version": "1.0.0",
                   "packages": {"system": ["git"]},
                   "instance_defaults": {"type": {"x86_64": "m7i.large", "arm64": "m7g.large"}[base.architecture],
                                         "root_volume_gb": 20}, **more}  # fmt: skip
        template = Template(self, name, base)
        template.apply(written)
        self._templates.append(template)
        return template

    def adopt(self, name: str, base: bases.Base) -> "Template":
        """A template that somebody else has applied."""
        self._templates.append(Template(self, name, base))
        return self._templates[-1]

    def policy(self, **fields) -> None:
        """Puts a policy in force that differs from the built-in one in these fields. Windows, limits and durations
        are as the table has them."""
        version = (self.table.get("POLICY", "CURRENT") or {"version": 0})["version"]
        self.table.put("POLICY", "CURRENT", version=version + 1, **fields)

    # -- what happens --------------------------------------------------------------------------------------------

    def function(self, name: str) -> str:
        """The name of a function that is deployed as `watch-base-images`."""
        return self.aws.outputs["".join(part.capitalize() for part in name.split("-")) + "FunctionName"]

    def invoke(self, name: str, event=None) -> dict:
        return self.aws.invoke(self.function(name), event)

    def watch(self, region: str | None = None) -> dict:
        """Looks at all base images; answers what that came to in a region, the home region unless one is named."""
        runs = {run["region"]: run for run in self.invoke("watch-base-images")["regions"]}
        return runs[region or self.aws.region]

    def start(self, template, /, **given) -> str:
        """Starts an execution as the console does; answers its ARN."""
        name = template.name if isinstance(template, Template) else template
        return self.start_with({"template": name, **given})

    def look(self, template, name: str | None = None) -> str:
        """Starts a look at what a template is due, as the functions do; answers its ARN."""
        given = {"template": template.name, "architectures": [template.base.architecture], "only_if_due": True}
        return self.start_with(given, name)

    def start_with(self, given, name: str | None = None) -> str:
        named = {"name": name} if name else {}
        started = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.aws.outputs["BuildImageStateMachineArn"], input=json.dumps(given), **named)  # fmt: skip
        return started["executionArn"]

    def decide(self, build, **given) -> str:
        """Starts an execution of approve-build as the console does; answers its ARN."""
        started = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.aws.outputs["ApproveBuildStateMachineArn"], input=json.dumps({"build": build, **given}))  # fmt: skip
        return started["executionArn"]

    def stop(self, execution: str) -> None:
        self.aws.client("stepfunctions").stop_execution(executionArn=execution)

    def advance(self, span: str) -> None:
        self.aws.clock.advance(span)

    def set_clock(self, moment: str, patience: float | None = None) -> None:
        """Moves the clock: to an instant, or to a time such as `02:00` of the day that has it next. With a `patience`,
        after so many seconds, whatever is under way."""
        if ":" in moment and "T" not in moment:
            now, hour, minute = self.now(), *map(int, moment.split(":"))
            then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
            moment = (then if then > now else then + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.aws.clock.set(moment, patience)

    def now(self) -> datetime:
        return datetime.fromisoformat(self.aws.clock.now())

    # -- what is seen --------------------------------------------------------------------------------------------

    def execution(self, arn: str) -> dict:
        return self.aws.client("stepfunctions").describe_execution(executionArn=arn)

    def ended(self, arn: str, timeout: float = 20) -> dict:
        """The execution once it is over."""

        def over():
            found = self.execution(arn)
            return found["status"] != "RUNNING" and found

        return self.aws.wait_until(over, timeout)

    def states(self, arn: str) -> list:
        """The states that an execution has entered, in their order."""
        events = self.aws.client("stepfunctions").get_execution_history(executionArn=arn, maxResults=1000)["events"]
        return [one["stateEnteredEventDetails"]["name"] for one in events if "stateEnteredEventDetails" in one]

    def executions_of(self, template: "Template") -> list:
        """Every execution that asks for a template, whoever started it."""
        return self._executions(template)

    def _executions(self, template: "Template", **only) -> list:
        found = self.aws.client("stepfunctions").get_paginator("list_executions").paginate(
            stateMachineArn=self.aws.outputs["BuildImageStateMachineArn"], **only)  # fmt: skip
        arns = [one["executionArn"] for page in found for one in page["executions"]]
        return [arn for arn in arns if self._asks_for(arn) == template.name]

    def _asks_for(self, arn: str) -> str | None:
        if arn not in _asked:
            given = json.loads(self.execution(arn)["input"])
            _asked[arn] = given.get("template") if isinstance(given, dict) else None
        return _asked[arn]

    def request_of(self, execution: str) -> dict | None:
        """What became of the request that an execution carries out."""
        return self.table.get(f"REQUEST#{execution}", "REQUEST")

    def logged(self, name: str | None = None) -> str:
        """What a function has logged since this world began, or what all have."""
        files = self._logs.glob(f"{self.function(name)}.log" if name else "*.log")
        return "".join(file.read_bytes()[self._logged.get(file.name, 0) :].decode() for file in files)

    def until(self, predicate, timeout: float = 20):
        return self.aws.wait_until(predicate, timeout)

    # -- the end -------------------------------------------------------------------------------------------------

    def leave(self) -> None:
        """Stops what runs, and takes away what could answer another test's events."""
        self.aws.forget()
        for template in self._templates:
            for arn in self._executions(template, statusFilter="RUNNING"):
                self._stop_if_running(arn)
            self.table.delete("TEMPLATES", template.name)
            self.table.delete(template.base.partition, f"DEPENDANT#{template.name}")
        self.table.delete("POLICY", "CURRENT")
        for template in self._templates:
            self.until(lambda template=template: not template.claim().get("held"))


    def _stop_if_running(self, execution: str) -> None:
        """An execution may end by itself between the listing and the stop."""
        try:
            self.stop(execution)
        except ClientError:
            if self.execution(execution)["status"] == "RUNNING":
                raise


class Template:
    """A template of a test, and what the system knows of it."""

    def __init__(self, world: World, name: str, base: bases.Base):
        self.world, self.name, self.base = world, name, base
        self.target = f"{name}-{base.architecture}"
        self.partition = f"TEMPLATE#{name}"
        self._before = len(world.table.query(base.partition, "UPDATE#"))
        self.parameter = f"/prism/auto-ami/{name}/{base.architecture}/latest"

    def apply(self, written: dict) -> None:
        self.written = written
        self.world.table.put("TEMPLATES", self.name, name=self.name, template=written, revision=1,
                             applied_at="2026-11-01T00:00:00Z", disabled=None)  # fmt: skip

    def disable(self, reason: str) -> None:
        record = self.world.table.get("TEMPLATES", self.name)
        self.world.table.put("TEMPLATES", **{"sk": self.name, **{k: v for k, v in record.items() if k not in ("pk", "sk")}, "disabled": reason})

    def will(self, outcome: str = "succeed", **more) -> "Template":
        """Scripts what its next build in Image Builder does; at once, unless `seconds` are given."""
        self.world.aws.script_image_builder(outcome, template=self.name, **{"seconds": 0, **more})
        return self

    def built(self, **given) -> dict:
        """Builds it by hand, to the end; answers the build."""
        self.will("succeed")
        ended = self.world.ended(self.world.start(self, **given))
        assert ended["status"] == "SUCCEEDED", ended
        self.world.aws.settle()
        return self.builds()[-1]

    def builds(self) -> list:
        """Its builds, oldest first."""
        return self.world.table.query(self.partition, f"BUILD#{self.base.architecture}#")

    def build(self, number: int = 1) -> dict:
        return self.world.table.get(self.partition, f"BUILD#{self.base.architecture}#{number:08}")

    def endings(self) -> list:
        """How each of its builds ended, in one word; `None` for one that has not."""
        return [(build.get("ending") or {}).get("kind") for build in self.builds()]

    def claim(self) -> dict:
        return self.world.table.get("CLAIM", self.target) or {}

    def held(self) -> dict | None:
        return self.claim().get("held")

    def parked(self) -> dict | None:
        return (self.held() or {}).get("parked")

    def waits(self) -> dict:
        """What its build waits for, once it waits for its turn."""
        return self.world.until(self.parked)

    def channel(self) -> dict | None:
        return self.world.table.get(self.partition, f"CHANNEL#{self.base.architecture}#latest")

    def journal(self, kind: str | None = None) -> list:
        """The decisions about it, oldest first."""
        return [one for one in self.world.table.query(self.partition, "DECISION#") if kind in (None, one["kind"])]

    def updates(self) -> list:
        """The moves of its base image since it was applied."""
        return self.world.table.query(self.base.partition, "UPDATE#")[self._before :]

    def published(self, region: str | None = None) -> str | None:
        """The AMI that its parameter names, in the home region unless one is named."""
        found = self.world.aws.client("ssm", region).get_parameters(Names=[self.parameter])["Parameters"]
        return found[0]["Value"] if found else None

    def amis(self) -> list:
        """The AMIs of this account that its builds made."""
        filters = [{"Name": "tag:prism:template", "Values": [self.name]}]
        return self.world.aws.client("ec2").describe_images(Owners=["self"], Filters=filters)["Images"]

    def notices(self, kind: str | None = None) -> list:
        return self.world.inbox.about(self.name, kind)

    def image_status(self, number: int = 1) -> str | None:
        """The state of a build's image in Image Builder, once that has begun."""
        run = self.build(number)["run"]
        if run is None:
            return None
        image = self.world.aws.client("imagebuilder").get_image(imageBuildVersionArn=run["arn"])["image"]
        return image["state"]["status"]

    def runs(self, number: int = 1) -> dict:
        """Its build, once Image Builder works on it."""
        self.world.until(lambda: (self.build(number) or {}).get("run"))
        return self.build(number)

    def snapshots(self) -> list:
        """The snapshots that its builds made, as Image Builder tags them."""
        found = self.world.aws.client("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"]
        tags = {one["SnapshotId"]: {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])} for one in found}
        recipe = f":image/prism-{self.target.replace('_', '-')}/"
        return sorted(name for name, its in tags.items() if recipe in its.get("Ec2ImageBuilderArn", ""))
