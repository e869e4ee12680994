"""Fault points: which there are, what has to happen for each to be met, and what must be true afterwards."""

import re

from tests.system import balances, patches
from tests.system.bases import ROOT


def points() -> list:
    """Every place where a function can be killed, by its source."""
    files = [file for folder in ("functions", "shared") for file in sorted((ROOT / folder).rglob("*.rs"))]
    return sorted({point for file in files for point in re.findall(r'fault::point\("([^"]+)"\)', file.read_text())})


def check(template) -> None:
    """Whatever was killed: every execution is over and every build ended, once; of each there is at most one run of
    Image Builder, one reservation and one notice of an ending, and the images of the complete ones alone are left."""
    world = template.world
    world.aws.settle()
    for execution in world.executions_of(template):
        assert world.execution(execution)["status"] != "RUNNING", execution
    assert not template.held() and not template.claim().get("next")
    complete = []
    for build in template.builds():
        assert build["ending"], build["id"]
        assert world.table.get("TOKEN", build["id"]) is None, build["id"]
        _check_run(world, build)
        endings = [one for one in template.journal() if one["subject"] == f"{build['id']}:closed"]
        reserved = [one for one in template.journal("reserve") if one["subject"] == build["id"]]
        superseded = build["ending"]["kind"] == "superseded"
        assert len(endings) == (not superseded) and len(reserved) == bool(build["reservation"]), build["id"]
        told = {one.id for one in template.notices() if one.id.startswith("build-") and one.id.endswith(f":{build['id']}")}
        assert len(told - {f"build-scheduled:{build['id']}"}) == (build["ending"]["kind"] in ("complete", "failed")), told
        if build["ending"]["kind"] == "complete":
            complete.append(build["outcome"]["result"]["amis"]["us-east-1"])
            assert patches.installed(template, int(build["id"].rpartition("-")[2])), "what is in it is kept with it"
    images = [image for image in template.amis() if _is_of(template, image)]
    assert sorted(image["ImageId"] for image in images) == sorted(complete)
    disks = {disk["Ebs"]["SnapshotId"] for image in images for disk in image["BlockDeviceMappings"]}
    assert set(template.snapshots()) == disks
    if complete:
        assert template.published() == template.channel()["amis"]["us-east-1"] == complete[-1]
        assert template.channel()["verified_version"] == template.channel()["version"]
    for record in _left(world, template):
        assert record["cleared_at"], record
    balances.check(world.table)


def _check_run(world, build: dict) -> None:
    if build["run"]:
        version, first = build["run"]["arn"].rsplit("/", 1)
        client = world.aws.client("imagebuilder")
        found = client.list_image_build_versions(imageVersionArn=version)["imageSummaryList"]
        assert first == "1" and len(found) <= 1, "a build of Image Builder, until it is collected"


def _is_of(template, tagged: dict) -> bool:
    """Whether a build of this template and architecture made it."""
    tags = {tag["Key"]: tag["Value"] for tag in tagged["Tags"]}
    return tags["prism:build-id"].rpartition("-")[0] == template.target


def _left(world, template) -> list:
    return [one for one in world.table.query("CLEARING") if one["build"].rpartition("-")[0] == template.target]


class Kill:
    """A function that dies at a point the next time it gets there."""

    def __init__(self, world, point: str):
        self.aws, self.point, self.file = world.aws, point, world.aws.state_dir / "faults" / point

    def __enter__(self):
        self.file.touch()

    def __exit__(self, failure, *_):
        # What a test awaits can be seen before the function that wrote it has reached the point.
        if self.file.exists() and not failure:
            self.aws.settle()
        met = not self.file.exists()
        self.file.unlink(missing_ok=True)
        assert met or failure, f"nothing came by {self.point}"
