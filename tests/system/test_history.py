"""What really happened upstream, release by release, through the real function: every release that a look could see is
one move, in its order, and none is invented."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from tests.system.bases import ROOT
from tests.system.conftest import lived, shared_by

DATA = ROOT.parent / "shared/data/ecs_ami_timeline_3regions.json"
REGION, FAMILY, OWNER = "us-east-1", "amazon-linux-2023", "591542846629"


@pytest.fixture(scope="module")
def releases():
    if not DATA.exists():
        pytest.skip(f"NOT RUN: the timeline of Amazon's ECS images is not there ({DATA.name})")
    found = json.loads(DATA.read_text())[REGION][FAMILY]["releases"]
    return sorted(found, key=lambda one: (one["date"], one["image_name"]))


@pytest.fixture(scope="module")
def deployment(request):
    yield from shared_by("history", request)


@pytest.fixture
def world(deployment):
    yield from lived(deployment.world())


class Upstream:
    """A base image under a name of its own that becomes what the timeline says, at the timeline's pace: since the
    clock only goes on, some years later."""

    def __init__(self, world, name: str, releases: list):
        self.world, self.name, self.releases = world, name, releases
        self.parameter = f"/aws/service/ecs/optimized-ami/{name}/recommended"
        self.names = {}  # image id -> its name
        self.later = timedelta(days=(world.now() - moment(releases[0])).days + 1)
        world.policy(base_images=[{
            "name": name, "title": "Amazon Linux 2023 for ECS", "owner": OWNER, "parameter": self.parameter,
            "architectures": {"x86_64": "x86_64"}, "names": ["al2023-ami-ecs-hvm-2023.0.*-kernel-*-{arch}"],
            "changelog": "https://github.com/aws/amazon-ecs-ami/blob/main/CHANGELOG.md"}])  # fmt: skip

    def release(self, one: dict) -> None:
        image = self.world.aws.register_image(OWNER, one["image_name"], creation_date=f"{one['date']}T06:00:00Z")
        self.names[image] = one["image_name"]
        value = json.dumps({"image_id": image, "image_name": one["image_name"], "os": one["os"]})
        self.world.aws.publish_parameter(self.parameter, value)

    def live_with_a_look(self, every: timedelta) -> list:
        """Lives through the timeline; answers the names of the releases that were the newest at a look. A look that
        can see nothing new is made once after each that can, and otherwise left out."""
        pending, look, visible, news = list(self.releases), moment(self.releases[0]), [], False
        while pending or news:
            due = [one for one in pending if moment(one) <= look]
            pending = pending[len(due) :]
            for one in due:
                self.release(one)
            if due or news:
                self.world.set_clock(f"{look + self.later:%Y-%m-%dT%H:%M:%SZ}")
                run = self.world.watch()
                assert run["troubles"].keys() <= {"missing"}, run
            if due:
                visible.append(due[-1]["image_name"])
            news = bool(due)
            look += every
        return visible


def moment(release: dict) -> datetime:
    return datetime.fromisoformat(release["date"]).replace(hour=6, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "every",
    [
        pytest.param(timedelta(minutes=15), id="15 minutes", marks=pytest.mark.long),
        pytest.param(timedelta(weeks=1), id="a week", marks=pytest.mark.long),
        pytest.param(timedelta(weeks=4), id="four weeks"),
    ],
)
def test_every_release_that_a_look_could_see_is_one_move_in_its_order(world, releases, every):
    upstream = Upstream(world, f"ecs-every-{int(every.total_seconds())}", releases)
    visible = upstream.live_with_a_look(every)

    moves = world.table.query(f"BASE#{upstream.name}#x86_64", f"UPDATE#{REGION}#")
    first = upstream.names[moves[0]["previous_image_id"]]
    assert [first, *(one["image_name"] for one in moves)] == visible, "each once, in order, and none besides"
    assert [upstream.names[one["image_id"]] for one in moves] == visible[1:]
    assert [one["previous_image_id"] for one in moves[1:]] == [one["image_id"] for one in moves[:-1]], "no gap"
    assert {one["direction"] for one in moves} == {"forward"}
    if every < timedelta(days=1):
        assert visible == [one["image_name"] for one in releases], "no two came out within a look"
    print(f"\n{len(releases)} releases, a look every {every}: {len(visible)} could be seen, {len(moves)} moves recorded")
