"""The embedded AWS with everything deployed, and each test's own part of it."""

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.local_aws import LocalAws
from tests.system import balances, bases
from tests.system.inbox import Inbox
from tests.system.world import MORNING, World

ROOT = bases.ROOT
FIRST_DAY = "2026-11-02"


def deployed(name: str, **more) -> LocalAws:
    """A new embedded AWS in a folder of its own, at 10:00 of a Monday. What failed runs have left is cleared away."""
    for folder in (ROOT / "target").glob(f"test-system-{name}-*"):
        if not Path(f"/proc/{folder.name.rsplit('-', 1)[-1]}").exists():
            # Another process of the same run may be clearing it away as well.
            shutil.rmtree(folder, ignore_errors=True)
    return LocalAws.start(ROOT / f"target/test-system-{name}-{os.getpid()}", ROOT / "infra/template.yaml",
                          ROOT / "target/lambda", at=f"{FIRST_DAY}T10:00:00Z", **more)  # fmt: skip


class Deployed:
    """An embedded AWS that tests share, one after the other."""

    def __init__(self, aws: LocalAws):
        self.aws, self.inbox, self.free_bases = aws, Inbox(aws), bases.every()

    def world(self) -> World:
        world = World(self.aws, self.inbox, self.free_bases)
        world.set_clock(MORNING)
        return world


def shared_by(name: str, request, **more):
    """An embedded AWS for a fixture's whole scope. Its folder, with its logs, stays if a test fails."""
    failed = request.session.testsfailed
    with deployed(name, **more) as aws:
        yield Deployed(aws)
    if request.session.testsfailed == failed:
        shutil.rmtree(aws.state_dir)


@pytest.fixture(scope="session")
def shared(request):
    yield from shared_by("shared", request)


@pytest.fixture(scope="session")
def roles(request):
    """The same, with all roles enforced."""
    yield from shared_by("roles", request, auth=True, parameters={"ImageMetadata": "false"})


@pytest.fixture
def world(request):
    """A test's own templates and base images, on a day of its own, where roles are enforced if the test uses `roles`.
    Whatever the test does, the ledger balances at its end, every notice was published once, and nothing was set aside
    that the test has not looked at."""
    deployment = request.getfixturevalue("roles" if "roles" in request.fixturenames else "shared")
    yield from lived(deployment.world())


def lived(world: World):
    before = len(world.inbox.all())
    yield world
    world.leave()
    world.aws.settle()
    balances.check(world.table)
    notices = world.inbox.all()
    twice = [id for id, count in Counter(notice.id for notice in notices).items() if count > 1]
    assert not twice, f"published more than once: {twice}"
    for notice in notices[before:]:
        assert notice.subject.isascii() and len(notice.subject) <= 100, notice.subject
    assert world.inbox.set_aside() == [], "set aside"
