"""What happens while a function is killed: each brings processes by fault points, and ends as if nobody had died."""

from contextlib import contextmanager

import pytest

from tests.system import bases, faults, feeds, patches
from tests.system.world import Template

# What has to happen for a process to come by a point.
BUILD = "a build"
NEW_CONTENT = "a build of new content"
FAILED_TEST = "a failed test"
STOPPED = "an execution that is stopped"
FOLLOWED = "a request that waits for a build to end"
GONE = "a request that waits for a build to end and whose template is gone by then"
TAKEN_OVER = "an urgent request that takes a waiting build's place"
APPROVED = "a start by hand that approves a waiting low-level update"
GRANTED = "a person's approval of emergency money"
TOLD = "a critical update that waits for approval"
ARCHITECTURES = "a request for two architectures"
MOVED = "a base image that moves"
MOVED_MEANWHILE = "a base image that moves during the first build on it"
MOVED_UNDER_MANY = "a base image that moves under more templates than a page has"
DISABLED = "a base image that moves under a disabled template"
WITHDRAWN = "a base image that goes back"
WITHDRAWN_MEANWHILE = "a base image that goes back during a build on what is withdrawn"
SEEN = "a base image that is seen for the first time"
HELD = "a base image that goes back and forth"
NOT_THERE = "a base image whose parameter has named no image for an hour"
UNSEEN = "a build on a base image that nobody has looked at yet"
PATCHED = "a patch, and another one"
LACKING = "an advisory of what an active image lacks"
WORSE = "an update that turns out to be worse"
STARTED_LATE = "an image that is started just as its execution is stopped"


def _build(world, kill):
    template = world.template()
    with kill:
        template.built()
    assert template.endings() == ["complete"]
    return template


def _new_content(world, kill):
    template = world.template()
    template.built()
    template.apply({**template.written, "packages": {"system": ["git", "curl"]}})
    with kill:
        template.built()
    assert template.endings() == ["complete", "complete"]
    return template


def _failed_test(world, kill):
    template = world.template().will("fail-test")
    with kill:
        assert world.ended(world.start(template))["status"] == "FAILED"
    assert template.endings() == ["failed"]
    return template


def _stopped(world, kill):
    template = world.template().will("hang")
    execution = world.start(template)
    template.runs()
    world.aws.settle()
    with kill:
        world.stop(execution)
        world.until(lambda: not template.held())
        world.aws.settle()
    assert template.endings() == ["stopped"]
    reconciled(world)
    return template


def _followed(world, kill):
    template = world.template().will("succeed", seconds=600)
    first = world.start(template)
    template.runs()
    template.apply({**template.written, "packages": {"system": ["git", "curl"]}})
    with kill:
        second = world.start(template)
        assert world.ended(second)["status"] == "SUCCEEDED"
        assert template.claim()["next"]
        template.will("succeed")
        world.advance("11m")
        assert world.ended(first)["status"] == "SUCCEEDED"
        world.until(lambda: template.endings() == ["complete", "complete"])
    world.until(lambda: not template.held())
    return template


def _gone(world, kill):
    template = world.template().will("succeed", seconds=600)
    first = world.start(template)
    template.runs()
    template.apply({**template.written, "packages": {"system": ["git", "curl"]}})
    world.ended(world.start(template))
    world.table.delete("TEMPLATES", template.name)
    with kill:
        world.advance("11m")
        assert world.ended(first)["status"] == "SUCCEEDED"
    assert template.endings() == ["complete"]
    world.until(lambda: template.claim()["next"] is None)
    [skipped] = template.journal("skip")
    assert "is not known" in skipped["reasons"][0], skipped
    return template


def _waiting(world):
    """A template whose second build waits for its window, and that one's execution."""
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    world.aws.settle()
    [execution] = [arn for arn in world.executions_of(template) if world.execution(arn)["status"] == "RUNNING"]
    return template, execution


def _taken_over(world, kill):
    template, loser = _waiting(world)
    template.will("succeed")
    with kill:
        winner = world.start(template, urgent=True)
        assert world.ended(winner)["status"] == "SUCCEEDED"
        assert world.ended(loser)["status"] == "SUCCEEDED", "it does not wait until its slot"
    assert template.endings() == ["complete", "superseded", "complete"]
    return template


def _approved(world, kill):
    template = world.template()
    waiting = waits_for_approval(world, template, "low")
    template.will("succeed")
    with kill:
        assert world.ended(world.start(template))["status"] == "SUCCEEDED"
        assert world.ended(waiting)["status"] == "SUCCEEDED", "it does not wait for a day"
    assert template.endings() == ["complete", "complete"]
    return template


def _granted(world, kill):
    world.policy(emergency_needs_approval=True)
    template = world.template().will("succeed")
    waiting = world.start(template, urgent=True)
    assert "approval" in template.waits()["reason"]
    with kill:
        assert world.ended(world.decide(template.build()["id"]))["status"] == "SUCCEEDED"
        assert world.ended(waiting)["status"] == "SUCCEEDED", "it does not wait for a day"
    assert template.endings() == ["complete"] and len(template.journal("approve")) == 1
    return template


def _told(world, kill):
    world.policy(emergency_needs_approval=True)
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    world.aws.settle()
    world.table.put(**{**template.updates()[-1], "security_level": "critical"})
    template.will("succeed")
    with kill:
        waiting = world.look(template)
        # It was queued for tonight as high before, and needs an approval to start at once.
        world.until(lambda: "prism builds approve" in template.waits()["reason"])
        try:
            world.invoke("schedule-builds")
        except RuntimeError:
            world.invoke("schedule-builds")
    world.until(lambda: template.notices("approval-needed"))
    assert world.ended(world.decide(template.builds()[-1]["id"]))["status"] == "SUCCEEDED"
    assert world.ended(waiting)["status"] == "SUCCEEDED"
    world.aws.settle()
    assert len(template.notices("approval-needed")) == 1
    return template


def waits_for_approval(world, template, level: str, name: str | None = None) -> str:
    """Its image lacks a fix of this level. Answers the execution of the rebuild, which waits for approval."""
    template.built()
    patches.found(template, "openssl 3.0.17-1~deb12u3", level=level)
    waiting = world.look(template, name)
    assert "approval" in template.waits()["reason"]
    return waiting


def _architectures(world, kill):
    base = world.base()
    other = next(one for one in bases.every() if one.name == base.name and one != base)
    world.publish(other)
    world.watch()
    template = world.template(base)
    template.will("succeed").will("succeed")
    with kill:
        execution = world.start(template, architectures=[base.architecture, other.architecture])
        assert world.ended(execution)["status"] == "SUCCEEDED"
        world.aws.settle()
    sibling = Template(world, template.name, other)
    faults.check(sibling)
    assert template.endings() == sibling.endings() == ["complete"]
    return template


def _moved(world, kill):
    template = world.template()
    template.built()
    world.publish(template.base)
    with kill:
        try:
            world.watch()
        except RuntimeError:
            world.watch()
        template.waits()
        world.aws.settle()
    [update] = template.updates()
    assert update["responded_at"]
    assert len(template.notices("update-available")) == 1 and len(template.builds()) == 2
    return _built_in_the_window(world, template)


def _moved_under_many(world, kill):
    template = world.template()
    others = [world.template(template.base) for _ in range(2)]
    for one in (template, *others):
        one.built()
    world.publish(template.base)
    with kill:
        world.watch()
        for one in (template, *others):
            one.waits()
        world.until(lambda: template.updates()[-1]["responded_at"])
        world.aws.settle()
    assert len(template.notices("update-available")) == 1
    for one in (template, *others):
        assert len(one.builds()) == 2
        one.will("succeed")
    world.set_clock("02:00")
    for one in others:
        world.until(lambda one=one: one.endings() == ["complete", "complete"])
        faults.check(one)
    world.until(lambda: template.endings() == ["complete", "complete"])
    return template


def _withdrawn(world, kill):
    template = world.template()
    template.built()
    older = world.table.get(*template.base.tracked)["current"]["image_id"]
    world.publish(template.base)
    world.watch()
    template.waits()
    _built_in_the_window(world, template)
    world.aws.settle()
    world.publish(template.base, older)
    with kill:
        world.watch()
        world.until(lambda: template.updates()[-1]["responded_at"])
        world.aws.settle()
    assert len(template.notices("update-withdrawn")) == len(template.journal("skip")) == 1
    assert len(world.executions_of(template)) == 2
    return template


def _withdrawn_meanwhile(world, kill):
    template = world.template()
    template.built()
    older = world.table.get(*template.base.tracked)["current"]["image_id"]
    world.publish(template.base)
    world.watch()
    template.waits()
    template.will("succeed", seconds=600)
    world.set_clock("02:00")
    template.runs(2)
    world.publish(template.base, older)
    world.watch()
    world.aws.settle()
    with kill:
        world.advance("11m")
        world.until(lambda: template.notices("update-withdrawn"))
        world.until(lambda: not template.held())
        world.aws.settle()
    assert len(template.notices("update-withdrawn")) == 1
    assert len([one for one in template.journal("skip") if "went back" in one["reasons"][0]]) == 1
    return template


def _disabled(world, kill):
    template = world.template()
    template.built()
    template.disable("broken")
    world.publish(template.base)
    with kill:
        world.watch()
        world.until(lambda: template.updates()[-1]["responded_at"])
    world.aws.settle()
    assert len(template.notices("update-available")) == len(template.journal("skip")) == 1
    assert len(world.executions_of(template)) == 1
    return template


def _built_in_the_window(world, template):
    template.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "complete"])
    assert template.builds()[-1]["frozen"]["base_image_id"] == template.updates()[-1]["image_id"]
    return template


def _moved_meanwhile(world, kill):
    template = world.template().will("succeed", seconds=600)
    first = world.start(template)
    template.runs()
    world.publish(template.base)
    world.watch()
    world.aws.settle()
    assert template.updates()[-1]["responded_at"] and len(world.executions_of(template)) == 1
    with kill:
        world.advance("11m")
        assert world.ended(first)["status"] == "SUCCEEDED"
        template.waits()
    return _built_in_the_window(world, template)


def _seen(world, kill):
    base = world.unseen()
    with kill, pytest.raises(RuntimeError):
        world.watch()
    assert world.watch()["first"] == 0
    template = world.template(base)
    template.built()
    return template


def _held(world, kill):
    template = world.template()
    one = template.built()["frozen"]["base_image_id"]
    world.policy(quarantine_after=1)
    other = world.publish(template.base)
    world.watch()
    world.publish(template.base, one)
    with kill, pytest.raises(RuntimeError):
        world.watch()
    assert world.watch()["held"] == 1
    world.aws.settle()
    [notice] = world.inbox.about(other, "base-image-held")
    world.publish(template.base, other)
    world.watch()
    world.advance("7h")
    world.watch()
    assert world.table.get(*template.base.tracked)["quarantine"] is None
    return _built_in_the_window(world, template)


def _not_there(world, kill):
    template = world.template()
    template.built()
    world.publish(template.base, "ami-0123456789abcdef0")
    world.watch()
    with kill:
        world.advance("76m")
        world.aws.settle()
    world.watch()
    world.aws.settle()
    told = [one for one in world.inbox.all() if f"{template.base.name}/{template.base.architecture}/" in one.id]
    assert [one.kind for one in told].count("base-image-trouble") == 1
    world.publish(template.base)
    world.watch()
    assert world.trouble(template.base) is None
    template.waits()
    return _built_in_the_window(world, template)


def _unseen(world, kill):
    template = world.template(world.unseen()).will("succeed")
    with kill:
        execution = world.start(template)
        world.until(lambda: world.table.get(*template.base.tracked))
    world.aws.settle()
    world.advance("1m")
    assert world.ended(execution)["status"] == "SUCCEEDED"
    return template


def _patched(world, kill):
    template = world.template(world.base("amazon-linux-2023"))
    template.built()
    with kill:
        for number, lacking in enumerate(("openssl 1:3.2.2-1", "curl 8.11.1-4"), start=1):
            patches.found(template, lacking, level="critical", release="2023.9.20251117", number=number)
            template.will("succeed")
            assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert template.endings() == ["complete"] * 3
    assert patches.left(template) == patches.components(template, 3)[:1]
    return template


@contextmanager
def _feeds(world):
    feeds.clear(world)
    yield world.aws.publish_feed
    feeds.clear(world)


def _on_debian(world):
    template = world.template(world.base("debian-12")).will("succeed", packages=[feeds.OLD])
    assert world.ended(world.start(template))["status"] == "SUCCEEDED"
    world.aws.settle()
    return template


def _collected(world, *names):
    """Reads feeds, again if the function dies, and lets what comes of that happen."""
    try:
        feeds.collect(world, *names)
    except RuntimeError:
        feeds.collect(world, *names)


def _lacking(world, kill):
    template = _on_debian(world)
    with _feeds(world) as publish:
        publish("debian-dsa", feeds.DSA, feeds.dsa(feeds.day(world, -1), 9101, "CVE-2026-1101"))
        publish("kev", feeds.KEV, feeds.kev(("CVE-2026-1101", feeds.day(world, -1, "%Y-%m-%d"))))
        template.will("succeed", packages=[feeds.NEW])
        with kill:
            _collected(world, "debian-dsa", "kev")
            world.advance("3h")
            world.until(lambda: template.endings() == ["complete", "complete"])
            world.aws.settle()
        assert template.build(2)["request"]["security_patches"]
        world.invoke("assess-updates")
        world.aws.settle()
    assert len(template.builds()) == 2
    return template


def _worse(world, kill):
    template = _on_debian(world)
    listed = ("CVE-2020-0001", "2020-01-01")
    with _feeds(world) as publish:
        publish("debian-dsa", feeds.DSA, feeds.dsa(feeds.day(world, 0), 9102, "CVE-2026-1102"))
        publish("kev", feeds.KEV, feeds.kev(listed))
        _collected(world, "debian-dsa", "kev")
        world.publish(template.base)
        world.watch()
        template.waits()
        template.will("succeed")
        publish("kev", feeds.KEV, feeds.kev(listed, ("CVE-2026-1102", feeds.day(world, 0, "%Y-%m-%d"))))
        with kill:
            _collected(world, "kev")
            world.until(lambda: template.endings() == ["complete", "superseded", "complete"])
        assert template.updates()[-1]["security_level"] == "critical"
    return template


def _started_late(world, kill):
    """The call that starts the image is answered after everything else is over."""
    template = world.template().will("throttle", count=100)
    execution = world.start(template)
    world.until(lambda: _has_pipeline(world, template))
    world.stop(execution)
    world.until(lambda: not template.held())
    world.aws.settle()
    assert template.build()["reservation"]["state"]["state"] == "released"
    _start_image(world, template.will("succeed"))
    world.until(lambda: world.table.get("CLEARING", template.build()["id"])["cleared_at"] is None)
    with kill:
        reconciled(world)
    build = template.build()
    assert template.endings() == ["stopped"] and build["reservation"]["state"]["state"] == "settled"
    return template


def _pipeline(world, template) -> str:
    account = world.aws.outputs["BuildImageStateMachineArn"].split(":")[4]
    name = template.target.replace("_", "-")
    return f"arn:aws:imagebuilder:{world.aws.region}:{account}:image-pipeline/prism-{name}"


def _has_pipeline(world, template) -> bool:
    client = world.aws.client("imagebuilder")
    try:
        return bool(client.get_image_pipeline(imagePipelineArn=_pipeline(world, template)))
    except client.exceptions.ResourceNotFoundException:
        return False


def _start_image(world, template):
    """As start-image does, when nobody throttles it any more."""
    client = world.aws.client("imagebuilder")
    tags = {"prism:build-id": template.build()["id"], "prism:template": template.name}

    def started():
        try:
            return client.start_image_pipeline_execution(imagePipelineArn=_pipeline(world, template), tags=tags)
        except client.exceptions.CallRateLimitExceededException:
            return None

    world.until(started)


def reconciled(world) -> None:
    """Past the time that things have to come by themselves."""
    world.advance("6m")
    world.invoke("reconcile-builds")
    world.aws.settle()


HAPPENINGS = {
    BUILD: _build,
    NEW_CONTENT: _new_content,
    FAILED_TEST: _failed_test,
    STOPPED: _stopped,
    FOLLOWED: _followed,
    GONE: _gone,
    TAKEN_OVER: _taken_over,
    APPROVED: _approved,
    GRANTED: _granted,
    TOLD: _told,
    ARCHITECTURES: _architectures,
    MOVED: _moved,
    MOVED_MEANWHILE: _moved_meanwhile,
    MOVED_UNDER_MANY: _moved_under_many,
    DISABLED: _disabled,
    WITHDRAWN: _withdrawn,
    WITHDRAWN_MEANWHILE: _withdrawn_meanwhile,
    SEEN: _seen,
    HELD: _held,
    NOT_THERE: _not_there,
    UNSEEN: _unseen,
    PATCHED: _patched,
    LACKING: _lacking,
    WORSE: _worse,
    STARTED_LATE: _started_late,
}
