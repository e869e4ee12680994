"""A function's process may end between any two of its writes: the retry ends what it began, once."""

import pytest

from tests.system import faults
from tests.system.conftest import lived, shared_by
from tests.system.happenings import (
    APPROVED,
    ARCHITECTURES,
    BUILD,
    DISABLED,
    FAILED_TEST,
    FOLLOWED,
    GONE,
    GRANTED,
    HAPPENINGS,
    HELD,
    LACKING,
    MOVED,
    MOVED_MEANWHILE,
    MOVED_UNDER_MANY,
    NEW_CONTENT,
    NOT_THERE,
    PATCHED,
    SEEN,
    STARTED_LATE,
    STOPPED,
    TAKEN_OVER,
    TOLD,
    UNSEEN,
    WITHDRAWN,
    WITHDRAWN_MEANWHILE,
    WORSE,
)

MET_IN = {
    "plan-build.planned": [BUILD, FOLLOWED, TAKEN_OVER, APPROVED],
    "plan-build.woken": [TAKEN_OVER, APPROVED],
    "plan-build.sibling-started": [ARCHITECTURES],
    "approve-build.decided": [GRANTED],
    "schedule-builds.approval-told": [TOLD],
    "reserve-budget.reserved": [BUILD],
    "reserve-budget.watch-poked": [UNSEEN],
    "start-image.token-stored": [BUILD],
    "start-image.component-made": [BUILD],
    "start-image.patch-made": [PATCHED],
    "start-image.recipe-made": [BUILD],
    "start-image.distribution-made": [BUILD],
    "start-image.pipeline-made": [BUILD],
    "start-image.started": [BUILD],
    "start-image.run-stored": [BUILD],
    "finish-image.recorded": [BUILD, FAILED_TEST],
    "finish-image.answered": [BUILD],
    "publish-image.channel-moved": [BUILD],
    "publish-image.parameter-written": [BUILD],
    "publish-image.parameters-pointed": [BUILD],
    "close-build.ended": [BUILD, STOPPED],
    "close-build.closed": [BUILD, STOPPED],
    "close-build.stopped": [STOPPED],
    "close-build.image-deregistered": [FAILED_TEST],
    "close-build.snapshot-deleted": [FAILED_TEST],
    "close-build.booked-late": [STARTED_LATE],
    "close-build.cleared": [FAILED_TEST],
    "close-build.image-forgotten": [NEW_CONTENT],
    "close-build.recipe-forgotten": [NEW_CONTENT],
    "close-build.component-forgotten": [NEW_CONTENT],
    "close-build.patch-forgotten": [PATCHED],
    "close-build.followed": [FOLLOWED, MOVED_MEANWHILE, GONE],
    "close-build.withdrawal-told": [WITHDRAWN_MEANWHILE],
    "look.started": [MOVED],
    "look.wanted": [MOVED, MOVED_UNDER_MANY],
    "notify.published": [BUILD],
    "notify.marked": [BUILD],
    "respond-to-update.planned": [MOVED],
    "respond-to-update.announced": [MOVED],
    "respond-to-update.skipped": [DISABLED],
    "respond-to-update.started": [MOVED, MOVED_UNDER_MANY],
    "respond-to-update.page-asked": [MOVED_UNDER_MANY],
    "respond-to-update.told": [WITHDRAWN, DISABLED],
    "collect-advisories.kept": [LACKING],
    "assess-updates.judged": [WORSE],
    "assess-updates.patch-recorded": [LACKING],
    "assess-updates.patch-asked-for": [LACKING],
    "watch-base-images.first-seen": [SEEN],
    "watch-base-images.held": [HELD],
    "watch-base-images.recorded": [MOVED],
    "watch-base-images.trouble-told": [NOT_THERE],
}


def test_every_point_is_met_somewhere():
    assert faults.points() == sorted(MET_IN)


@pytest.fixture(scope="module")
def deployment(request):
    # So that a page has two templates.
    yield from shared_by("faults", request, parameters={"StartsPerSecond": "1"})


@pytest.fixture
def world(deployment):
    yield from lived(deployment.world())


@pytest.mark.parametrize("point, happening", [
    pytest.param(point, one, id=f"{point} in {one}") for point, met in MET_IN.items() for one in met])  # fmt: skip
def test_who_dies_between_two_writes_ends_them_when_tried_again(world, point, happening):
    template = HAPPENINGS[happening](world, faults.Kill(world, point))
    faults.check(template)
    if point == "notify.published":
        _forgive_the_double(world, template)


def _forgive_the_double(world, template):
    """The one thing that may happen twice, under the same id."""
    told = template.notices()
    [double] = [one for one in told if [other.id for other in told].count(one.id) > 1][1:]
    world.inbox.all().remove(double)
