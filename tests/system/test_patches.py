"""A patch: an image that lacks fixes is built anew on the base image that it has."""

from tests.system import patches
from tests.system.test_files import prism

RELEASE = "2023.9.20251117"


def built(world, base: str = "debian-12"):
    """A template with a published image."""
    template = world.template(world.base(base))
    template.built()
    return template


def test_a_critical_patch_is_built_at_once_on_the_same_base_image_and_proves_itself(world):
    template = built(world, "amazon-linux-2023")
    patch = patches.found(template, "openssl 1:3.2.2-1.amzn2023.0.3", level="critical", release=RELEASE)
    template.will("succeed")
    execution = world.look(template)
    assert world.ended(execution)["status"] == "SUCCEEDED"
    world.aws.settle()
    assert template.endings() == ["complete", "complete"]
    before, build = template.builds()
    request, frozen = build["request"], build["frozen"]
    assert (request["trigger"], request["urgency"], request["level"]) == ("security", "critical", "critical")
    assert request["security_patches"] == frozen["patch"]["ids"] == [patch] and not request["by_hand"]
    assert build["reservation"]["source"] == "emergency"
    assert frozen["base_image_id"] == before["frozen"]["base_image_id"]
    assert frozen["content_hash"] == before["frozen"]["content_hash"]
    # What is brought to the base comes before what the template puts on it.
    brought, own = patches.components(template, 2)
    assert brought.startswith("prism-patch-") and own.startswith(f"prism-{template.name}-")
    document = patches.document(template, brought)
    assert f"--releasever='{RELEASE}'" in document and "1:3.2.2-1.amzn2023.0.3 openssl" in document
    [image] = [image for image in template.amis() if image["ImageId"] == template.published()]
    tags = {tag["Key"]: tag["Value"] for tag in image["Tags"]}
    assert tags["prism:release"] == RELEASE and tags["prism:patch"] == patch
    assert tags["prism:build-id"] == build["id"] and tags["prism:content"] == frozen["content_hash"]
    [decision] = [one for one in template.journal("build") if one["subject"] == build["id"]]
    advisories = frozen["patch"]["advisories"]
    assert decision["inputs"]["patches"] == [patch] and decision["inputs"]["advisories"] == advisories
    [told] = [one for one in template.notices("build-complete") if build["id"] in one.id]
    assert "Trigger: security" in told.body and f"Brings the fixes of: {advisories[0]}" in told.body
    assert patches.installed(template, 2)


def test_a_patch_waits_for_its_window_with_whoever_joins_it_and_gives_way_to_a_worse_one(world):
    template = built(world)
    high = patches.found(template, "openssl 3.0.17-1~deb12u3")
    waiting = world.look(template)
    assert "off-peak window" in template.waits()["reason"]
    build = template.builds()[-1]
    assert (build["request"]["urgency"], build["request"]["priority"]) == ("high", 90)
    [told] = world.until(lambda: template.notices("build-scheduled"))
    assert "Brings the fixes of: ADV-2026-" in told.body
    # One of the same urgency joins it.
    curl = patches.found(template, "curl 7.88.1-10+deb12u14")
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert len(template.builds()) == 2
    # A worse one takes its place, and brings what both were to bring.
    worse = patches.found(template, "glibc 2.36-9+deb12u13", level="critical")
    template.will("succeed")
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert world.ended(waiting)["status"] == "SUCCEEDED"
    assert template.endings() == ["complete", "superseded", "complete"]
    patch = template.builds()[-1]["frozen"]["patch"]
    assert sorted(patch["ids"]) == sorted([high, curl, worse]) and patch["release"] is None
    assert [one["package"] for one in patch["at_least"]] == ["curl", "glibc", "openssl"]


def test_a_patch_follows_a_running_build_that_does_not_bring_it(world):
    template = built(world, "amazon-linux-2023")
    template.will("succeed", seconds=600).will("succeed", seconds=0)
    patch = patches.found(template, "openssl 1:3.2.2-1", level="critical", release=RELEASE)
    first = world.start(template)
    template.runs(2)
    # It began after the finding, but no build goes to a release by itself.
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert len(template.builds()) == 2
    world.advance("11m")
    assert world.ended(first)["status"] == "SUCCEEDED"
    world.until(lambda: template.endings() == ["complete"] * 3)
    assert [build["frozen"]["patch"] and build["frozen"]["patch"]["ids"] for build in template.builds()] == [
        None, None, [patch]]  # fmt: skip
    world.until(lambda: template.claim()["next"] is None)


def test_a_patch_joins_a_running_build_only_if_that_began_after_the_finding(world):
    template = built(world)
    template.will("succeed", seconds=600).will("succeed", seconds=0)
    patches.found(template, "openssl 3.0.17-1~deb12u3", level="critical")
    world.advance("1m")
    first = world.start(template)
    template.runs(2)
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert template.build(2)["joined"]
    world.advance("1m")
    patches.found(template, "curl 7.88.1-10+deb12u14", level="critical")
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert len(template.builds()) == 2
    world.advance("11m")
    assert world.ended(first)["status"] == "SUCCEEDED"
    world.until(lambda: template.endings() == ["complete"] * 3)


def test_the_same_patch_twice_is_one_build(world):
    template = built(world)
    patches.found(template, "openssl 3.0.17-1~deb12u3", level="critical")
    template.will("succeed", seconds=600)
    first = world.look(template)
    template.runs(2)
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert len(template.builds()) == 2, "the build that runs carries it"
    world.advance("11m")
    assert world.ended(first)["status"] == "SUCCEEDED"
    assert template.endings() == ["complete", "complete"]


def test_a_patch_that_names_what_cannot_be_a_package_is_not_built_and_costs_nothing(world):
    template = built(world)
    patches.found(template, "curl;reboot 1.0", level="critical")
    assert world.ended(world.look(template))["status"] == "FAILED"
    build = template.builds()[-1]
    assert build["ending"]["kind"] == "failed" and 'names the package "curl;reboot"' in build["ending"]["message"]
    assert build["reservation"]["state"]["state"] == "released" and build["run"] is None
    world.aws.settle()
    assert template.claim()["attempts"]["failures"] == 1, "the patch is at fault, and not AWS"
    for command in ("status", "security-status"):
        told = prism(world, "templates", "auto-ami", command).stdout
        assert any("its rebuild has failed once" in line and "curl;reboot" in line for line in told.splitlines()), told
    assert patches.left(template) == []


def test_what_was_patched_stays_patched_until_the_base_image_moves(world):
    template = built(world, "amazon-linux-2023")
    patches.found(template, "openssl 1:3.2.2-1", level="critical", release=RELEASE)
    template.will("succeed")
    world.ended(world.look(template))
    [component] = patches.components(template, 2)[:1]
    assert template.built()["frozen"]["patch"] == template.build(2)["frozen"]["patch"], "a person's build keeps it"
    assert patches.components(template, 3)[:1] == patches.left(template) == [component]
    world.publish(template.base)
    world.watch()
    template.waits()
    template.will("succeed")
    assert world.ended(world.start(template, urgent=True))["status"] == "SUCCEEDED"
    world.aws.settle()
    assert template.builds()[-1]["frozen"]["patch"] is None
    assert patches.left(template) == [], "its component goes with the builds that had it"
