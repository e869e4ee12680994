"""What a template is due stays due until it is built, whatever happens on the way."""

import json

from tests.system import patches
from tests.system.test_files import prism
from tests.system.world import Template


def lacking(world, level: str = "critical"):
    """A template whose image lacks a fix of this level."""
    template = world.template()
    template.built()
    patches.found(template, "openssl 3.0.17-1~deb12u3", level=level)
    return template


def test_a_rebuild_that_failed_is_tried_again_after_15_minutes_and_then_after_an_hour(world):
    template = lacking(world)
    template.will("fail-build", count=2)
    assert world.ended(world.look(template))["status"] == "FAILED"
    world.aws.settle()
    attempts = template.claim()["attempts"]
    assert attempts["failures"] == 1 and template.build(2)["ending"]["message"] == attempts["message"]
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert "has failed once, and is tried again in 15 minutes" in template.journal("skip")[-1]["reasons"][0]
    world.advance("14m")
    assert len(template.builds()) == 2, "not yet"
    world.advance("6m")
    world.until(lambda: template.endings() == ["complete", "failed", "failed"])
    world.aws.settle()
    world.advance("50m")
    assert len(template.builds()) == 3, "not yet"
    template.will("succeed")
    world.advance("15m")
    world.until(lambda: template.endings() == ["complete", "failed", "failed", "complete"])
    world.aws.settle()
    assert template.claim().get("attempts") is None


def test_a_failure_does_not_hide_what_the_image_lacks(world):
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    template.will("fail-build")
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "failed"])
    world.aws.settle()
    status = prism(world, "templates", "auto-ami", "status").stdout
    assert "Pending security update (high)" in status and "its rebuild has failed once" in status, status
    status = prism(world, "templates", "auto-ami", "security-status").stdout
    assert "its rebuild has failed once" in status, status


def test_another_content_is_tried_at_once(world):
    template = lacking(world)
    template.will("fail-build")
    assert world.ended(world.look(template))["status"] == "FAILED"
    world.aws.settle()
    template.apply({**template.written, "packages": {"system": ["git", "curl"]}})
    template.will("succeed")
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert template.endings() == ["complete", "failed", "complete"]


def stopped(world):
    """A template whose image lacks a fix, and whose rebuild a person has stopped."""
    template = lacking(world, "high")
    waiting = world.look(template)
    template.waits()
    world.stop(waiting)
    world.until(lambda: template.endings() == ["complete", "stopped"])
    world.aws.settle()
    return template


def test_a_build_that_a_person_stopped_rests_for_a_day_or_until_something_worse_is_lacking(world):
    template = stopped(world)
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert "was stopped: its execution was stopped" in template.journal("skip")[-1]["reasons"][0]
    world.advance("23h")
    assert len(template.builds()) == 2, "it rests"
    patches.found(template, "glibc 2.36-9+deb12u13", level="critical")
    template.will("succeed")
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert template.endings() == ["complete", "stopped", "complete"]


def test_what_rested_for_a_day_is_built_then(world):
    template = stopped(world)
    world.advance("24h")
    world.advance("6m")
    world.until(lambda: len(template.builds()) == 3)


def test_a_build_of_which_nothing_is_due_any_more_ends_at_the_gate(world):
    template = world.template()
    template.built()
    before = world.table.get(*template.base.tracked)["current"]["image_id"]
    world.publish(template.base)
    world.watch()
    template.waits()
    world.publish(template.base, before)
    world.watch()
    world.aws.settle()
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "stopped"])
    assert "nothing is due any more" in template.build(2)["ending"]["message"]
    assert template.build(2)["reservation"] is None


def test_a_move_that_was_taken_back_asks_for_nothing_also_when_it_is_judged_worse(world):
    template = world.template()
    template.built()
    before = world.table.get(*template.base.tracked)["current"]["image_id"]
    world.publish(template.base)
    world.watch()
    template.waits()
    world.publish(template.base, before)
    world.watch()
    world.aws.settle()
    first = template.updates()[0]
    world.table.put(**{**first, "security_level": "critical", "round": 1})
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "stopped"])
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    world.aws.settle()
    assert len(template.builds()) == 2


def test_a_person_s_build_of_a_disabled_template_is_built_also_where_it_meets_a_patch(world):
    template = lacking(world, "high")
    template.will("succeed", seconds=600).will("succeed", seconds=0)
    first = world.start(template)
    template.runs(2)
    template.apply({**template.written, "packages": {"system": ["git", "curl"]}})
    template.disable("the course is over")
    assert world.ended(world.start(template))["status"] == "SUCCEEDED"
    world.advance("11m")
    assert world.ended(first)["status"] == "SUCCEEDED"
    world.until(lambda: template.endings() == ["complete", "complete", "complete"])


def test_a_base_image_on_which_all_builds_fail_costs_three_builds_and_is_told_once(world):
    base = world.base()
    templates = [world.template(base) for _ in range(11)]
    for template in templates:
        template.built()
    bad = world.publish(base)
    world.watch()
    world.aws.script_image_builder("fail-build", base_image=bad, seconds=0, count=100)
    for template in templates:
        template.waits()
    world.aws.settle()
    world.set_clock("02:00")
    world.aws.settle()
    world.advance("1h")
    world.aws.settle()
    failed = [template for template in templates if "failed" in template.endings()]
    assert len(failed) == 3, [template.endings() for template in templates]
    waiting = next(template for template in templates if template not in failed)
    assert f"the first 3 builds on {bad} failed" in waiting.waits()["reason"]
    burnt = lambda: sum(template.endings().count("failed") for template in templates)  # noqa: E731
    # A notice may be delivered twice, under the same id.
    held = lambda: {one.id: one for one in world.inbox.about(bad, "base-image-held")}  # noqa: E731
    assert len(held()) == 1, held()
    [told] = held().values()
    assert "fail-build" not in told.subject
    for _ in range(20):
        world.advance("1h")
        world.aws.settle()
    assert burnt() == 3 + 3, f"{burnt()}: one of them is tried again after 15 minutes, 1 hour and 4 hours"
    assert list(held()) == [told.id]
    # A mended image is tried, and whoever waits for it is built once one has succeeded.
    world.publish(base)
    world.watch()
    world.aws.settle()
    world.set_clock("02:00")
    for template in templates:
        world.until(lambda template=template: template.endings()[-1] == "complete", timeout=180)


def test_a_template_that_changed_is_rebuilt_at_night_and_status_tells_of_which_revision_its_image_is(world, tmp_path):
    template = world.template()
    template.built()
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps({**template.written, "packages": {"system": ["git", "curl"]}}))
    applied = prism(world, "templates", "apply", changed)
    assert "1 image is rebuilt for this in the off-peak windows, at the earliest " in applied.stdout, applied.stdout
    status = prism(world, "templates", "auto-ami", "status").stdout
    assert "its image is of revision 1, the template is at 2; it is rebuilt in the next off-peak windows" in status, status
    assert world.invoke("reconcile-builds")["changed"] == 1
    assert template.waits()["reason"].startswith("waits for the off-peak window")
    build = template.build(2)
    assert (build["request"]["trigger"], template.held()["slot"]["source"]) == ("scheduled", "monthly")
    assert world.invoke("reconcile-builds")["changed"] == 0
    template.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "complete"])
    world.aws.settle()
    assert template.channel()["built_from"]["revision"] == 2
    assert world.invoke("reconcile-builds")["changed"] == 0
    assert "Compiled" in prism(world, "templates", "auto-ami", "status").stdout


def test_with_rebuild_on_change_off_a_changed_template_is_shown_and_not_rebuilt(world):
    template = world.template()
    template.built()
    world.policy(rebuild_on_change=False)
    template.apply({**template.written, "packages": {"system": ["git", "curl"]}})
    assert world.invoke("reconcile-builds")["changed"] == 0
    status = prism(world, "templates", "auto-ami", "status").stdout
    assert "rebuild_on_change is false in the policy" in status, status


def test_what_inherits_from_a_changed_template_is_rebuilt_too_and_no_more_than_a_night_can_take(world):
    parent = world.template()
    children = [world.template(parent.base, inherits=[parent.name]) for _ in range(3)]
    for child in children:
        child.built()
    # A build is taken to need 45 minutes until it is queued: one builder has time for one of them.
    world.policy(max_concurrent_builds=1, off_peak_window="02:00-02:50 UTC")
    parent.apply({**parent.written, "packages": {"system": ["git", "curl"]}})
    assert world.invoke("reconcile-builds")["changed"] == 1
    world.until(lambda: sum(len(child.builds()) == 2 for child in children) == 1)
    world.aws.settle()
    assert world.invoke("reconcile-builds")["changed"] == 0, "this night is full"
    for child in children:
        child.will("succeed")
    for _ in range(3):
        world.set_clock("02:00")
        world.advance("15m")
        world.set_clock("12:00")
        world.aws.settle()
        world.invoke("reconcile-builds")
        world.aws.settle()
    assert [child.endings() for child in children] == [["complete", "complete"]] * 3


def test_a_template_that_moved_to_another_architecture_gets_an_image_there_and_leaves_the_old_one_behind(world):
    x86 = world.base("amazon-linux-2023", "x86_64")
    template = world.template(x86)
    template.built()
    arm = world.base("amazon-linux-2023", "arm64")
    template.apply({**template.written, "instance_defaults": {"type": "m7g.large", "root_volume_gb": 20}})
    assert world.invoke("reconcile-builds")["changed"] == 1
    moved = Template(world, template.name, arm)
    assert moved.waits()["reason"].startswith("waits for the off-peak window")
    world.publish(x86)
    world.watch()
    world.aws.settle()
    assert template.endings() == ["complete"], "the old one is not rebuilt any more"
    status = prism(world, "templates", "auto-ami", "status").stdout
    assert "Left behind: its template is for arm64 now" in status, status
    moved.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: moved.endings() == ["complete"])
    # By its name it is built, and from then on kept up to date.
    template.will("succeed")
    assert world.ended(world.start(template, architectures=["x86_64"]))["status"] == "SUCCEEDED"
    world.aws.settle()
    world.publish(x86)
    world.watch()
    world.until(lambda: len(template.builds()) == 3)
