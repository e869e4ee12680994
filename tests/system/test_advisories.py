"""What vendors publish: read, kept, and what it makes of an update."""

import pytest

from tests.system.feeds import DSA, KEV, NEW, OLD, clear, collect, day, dsa, kev, notice

OSV = "/Ubuntu"


@pytest.fixture
def published(world):
    """The feeds, as nobody has published anything yet."""
    clear(world)
    yield world.aws.publish_feed
    clear(world)


def built(world, *packages, base="debian-12"):
    """A template whose published image has these packages installed, as is known of it."""
    template = world.template(world.base(base))
    template.will("succeed", packages=list(packages))
    assert world.ended(world.start(template))["status"] == "SUCCEEDED"
    world.until(lambda: world.table.query(template.partition, "PACKAGES#"))
    world.aws.settle()
    return template


def updated(template) -> dict:
    return template.updates()[-1]


def test_an_update_is_judged_by_what_its_vendor_published_and_what_is_installed(world, published):
    template = built(world, OLD)
    published("debian-dsa", DSA, dsa(day(world, 0), 9001, "CVE-2026-1001"))
    published("kev", KEV, kev(("CVE-2020-0001", "2020-01-01")))
    collect(world, "debian-dsa", "kev")
    world.publish(template.base)
    world.watch()
    update = updated(template)
    assert update["cves"] == ["CVE-2026-1001"], update
    assert update["confidence"] == "likely" and update["assessed_at"]
    assert update["fixes"][0]["advisory"] == "DSA-9001-1"
    assert update["fixes"][0]["package"] == {"name": "openssl", "installed": OLD[1], "fixed": NEW[1]}


def test_what_is_not_installed_makes_no_update_dangerous(world, published):
    template = built(world, ["curl", "7.81.0-1ubuntu1.21"], base="ubuntu-22.04")
    today = day(world, 0, "%Y-%m-%dT00:00:00Z")
    published("ubuntu-osv", f"{OSV}/modified_id.csv", f"{today},USN-9001-1\n")
    published("ubuntu-osv", f"{OSV}/USN-9001-1.json", notice(9001, today, "CVE-2026-1001", "openssl", "3.0.2-0ubuntu1.20"))
    published("kev", KEV, kev(("CVE-2026-1001", day(world, 0, "%Y-%m-%d"))))
    collect(world, "ubuntu-osv", "kev")
    world.publish(template.base)
    world.watch()
    update = updated(template)
    assert (update["security_level"], update["update_type"], update["cves"]) == ("low", "maintenance", []), update


def test_of_a_source_package_that_no_list_names_the_date_decides(world, published):
    template = built(world, ["libwbclient0", "2:4.17.12-0+deb12u1"])
    published("debian-dsa", DSA, dsa(day(world, 0), 9001, "CVE-2026-1001", "samba", "2:4.17.12-0+deb12u2"))
    published("kev", KEV, kev(("CVE-2026-1001", day(world, 0, "%Y-%m-%d"))))
    collect(world, "debian-dsa", "kev")
    world.publish(template.base)
    world.watch()
    update = updated(template)
    assert (update["security_level"], update["confidence"]) == ("critical", "likely"), update
    assert any("does not tell" in reason for reason in update["reasons"]), update


def test_a_record_that_is_out_of_reach_is_asked_for_again_and_one_that_is_gone_is_passed_over(world, published):
    times = [day(world, days, "%Y-%m-%dT00:00:00Z") for days in (0, -1)]
    published("ubuntu-osv", f"{OSV}/modified_id.csv", f"{times[0]},USN-9010-1\n{times[1]},USN-9009-1\n")
    published("ubuntu-osv", f"{OSV}/USN-9009-1.json", "busy", status=503)
    published("ubuntu-osv", f"{OSV}/USN-9010-1.json", notice(9010, times[0], "CVE-2026-1010", "curl", "8.5.0-2"))
    found = world.invoke("collect-advisories", {"feeds": ["ubuntu-osv"]})["feeds"]["ubuntu-osv"]
    assert "answered 503" in found["failure"] and (found["skipped"], found["new"]) == (0, 0)
    published("ubuntu-osv", f"{OSV}/USN-9009-1.json", "gone", status=404)
    found = collect(world, "ubuntu-osv")["feeds"]["ubuntu-osv"]
    assert (found["skipped"], found["new"]) == (1, 1)


def test_a_vulnerability_that_is_exploited_makes_the_update_critical_and_its_build_starts_at_once(world, published):
    template = built(world, OLD)
    published("debian-dsa", DSA, dsa(day(world, 0), 9002, "CVE-2026-1002"))
    published("kev", KEV, kev(("CVE-2026-1002", day(world, 0, "%Y-%m-%d"))))
    collect(world, "debian-dsa", "kev")
    template.will("succeed")
    world.publish(template.base)
    world.watch()
    world.until(lambda: template.endings() == ["complete", "complete"])
    assert updated(template)["security_level"] == "critical"
    assert template.builds()[-1]["reservation"]["source"] == "emergency"
    (notice,) = template.notices("update-available")
    assert "CVE-2026-1002" in notice.body and "known to be exploited" in notice.body


def test_a_build_that_is_queued_moves_up_when_its_update_turns_out_to_be_worse(world, published):
    template = built(world, OLD)
    published("debian-dsa", DSA, dsa(day(world, 0), 9003, "CVE-2026-1003"))
    published("kev", KEV, kev(("CVE-2020-0001", "2020-01-01")))
    collect(world, "debian-dsa", "kev")
    world.publish(template.base)
    world.watch()
    template.waits()
    assert updated(template)["security_level"] != "critical"
    template.will("succeed")
    published("kev", KEV, kev(("CVE-2020-0001", "2020-01-01"), ("CVE-2026-1003", day(world, 0, "%Y-%m-%d"))))
    assert collect(world, "kev")["attacks"]
    world.until(lambda: template.endings() == ["complete", "superseded", "complete"])
    update = updated(template)
    assert update["security_level"] == "critical" and update["round"] == 1
    (notice,) = [one for one in template.notices("update-reassessed") if update["id"] in one.id]
    assert "CRITICAL" in notice.subject


def test_what_is_collected_twice_is_kept_once_and_a_document_that_is_not_new_is_not_read(world, published):
    published("debian-dsa", DSA, dsa(day(world, 0), 9004, "CVE-2026-1004"))
    first = collect(world, "debian-dsa")["feeds"]["debian-dsa"]
    assert first["new"] == 1 and first["documents"] == 1
    again = collect(world, "debian-dsa")["feeds"]["debian-dsa"]
    assert again["new"] == 0 and again["documents"] == 0
    published("debian-dsa", DSA, dsa(day(world, 0), 9004, "CVE-2026-1004") + dsa(day(world, -1), 9003, "CVE-2026-1003"))
    third = collect(world, "debian-dsa")["feeds"]["debian-dsa"]
    assert third["read"] == 2 and third["new"] == 1
    assert len(world.advisories.query("ADVISORY#debian-12")) == 2


@pytest.mark.parametrize("broken", ["<html>busy</html>", "", '{"vulnerabilities": [{"cveID": "CVE-', None])
def test_a_feed_that_is_down_or_sends_nonsense_loses_nothing_and_stops_no_other(world, published, broken):
    published("kev", KEV, kev(("CVE-2026-1005", "2026-10-01")))
    collect(world, "kev")
    before = world.advisories.query("THREAT")
    good_at = world.advisories.get("FEED", "kev")["good_at"]
    if broken is None:
        published("kev", KEV, "down", status=503)
    else:
        published("kev", KEV, broken)
    published("debian-dsa", DSA, dsa(day(world, 0), 9005, "CVE-2026-1005"))
    world.advance("1h")
    found = world.invoke("collect-advisories", {"feeds": ["kev", "debian-dsa"]})["feeds"]
    assert found["kev"]["failure"] and found["debian-dsa"]["new"] == 1, found
    assert world.advisories.query("THREAT") == before
    state = world.advisories.get("FEED", "kev")
    assert state["good_at"] == good_at and state["failure"]["reason"]


def test_half_a_catalogue_is_not_believed(world, published):
    published("kev", KEV, kev(*[(f"CVE-2026-{number}", "2026-10-01") for number in range(2000, 2010)]))
    collect(world, "kev")
    before = world.advisories.query("THREAT")
    published("kev", KEV, kev(("CVE-2026-2000", "2026-10-01")))
    found = world.invoke("collect-advisories", {"feeds": ["kev"]})["feeds"]["kev"]
    assert "where it told of 10 before" in found["failure"]
    assert world.advisories.query("THREAT") == before
    found = world.invoke("collect-advisories", {"feeds": ["kev"]})["feeds"]["kev"]
    assert found["documents"] == 1 and "where it told of 10 before" in found["failure"], "it is not taken for known"
    world.advance("73h")
    found = world.invoke("collect-advisories", {"feeds": ["kev"]})["feeds"]["kev"]
    assert found["failure"] is None and world.advisories.query("THREAT") != before, "for days it has told the same"


def test_only_feeds_that_a_template_needs_are_asked(world, published):
    world.template(world.base("debian-12"))
    asked = world.invoke("collect-advisories", {})["feeds"]
    assert {"kev", "epss", "debian-dsa"} <= asked.keys() and "suse-csaf" not in asked


def test_what_inspector_found_in_both_images_is_the_best_evidence(world, published):
    template = built(world, OLD)
    published("kev", KEV, kev(("CVE-2020-0001", "2020-01-01")))
    collect(world, "kev")
    old = template.build(1)["frozen"]["base_image_id"]
    new = world.publish(template.base)
    found = {"cve": "CVE-2026-1006", "package": "curl", "severity": "medium", "fix_available": True}
    world.aws.scan_image(old, [found, {**found, "cve": "CVE-2026-1007", "fix_available": False}])
    world.aws.scan_image(new, [{**found, "cve": "CVE-2026-1007", "fix_available": False}])
    world.watch()
    update = updated(template)
    assert (update["cves"], update["security_level"], update["confidence"]) == (["CVE-2026-1006"], "medium", "certain")
    assert update["image_id"] == new


def test_an_active_image_that_lacks_a_fix_is_rebuilt_on_the_same_base_image(world, published):
    template = built(world, OLD)
    base_image = template.build(1)["frozen"]["base_image_id"]
    published("debian-dsa", DSA, dsa(day(world, -1), 9008, "CVE-2026-1008"))
    published("kev", KEV, kev(("CVE-2026-1008", day(world, -1, "%Y-%m-%d"))))
    template.will("succeed", packages=[NEW])
    collect(world, "debian-dsa", "kev")
    world.until(lambda: template.endings() == ["complete", "complete"])
    build = template.build(2)
    assert build["request"]["trigger"] == "security" and build["request"]["security_patches"]
    assert build["frozen"]["base_image_id"] == base_image
    world.invoke("assess-updates")
    world.aws.settle()
    assert len(template.builds()) == 2


def test_an_image_behind_its_base_image_is_patched_if_what_it_lacks_is_worse_than_what_moved(world, published):
    world.policy(low_needs_approval=True)
    template = built(world, OLD)
    published("debian-dsa", DSA, dsa(day(world, -40), 9021, "CVE-2026-1021", "vim", "2:9.0-1"))
    published("kev", KEV, kev(("CVE-2020-0001", "2020-01-01")))
    collect(world, "debian-dsa", "kev")
    world.publish(template.base)
    world.watch()
    template.waits()
    assert updated(template)["security_level"] == "low"
    template.will("succeed", packages=[NEW])
    world.advance("4h")
    published("debian-dsa", DSA, dsa(day(world, 3), 9022, "CVE-2026-1022"))
    published("kev", KEV, kev(("CVE-2020-0001", "2020-01-01"), ("CVE-2026-1022", day(world, 3, "%Y-%m-%d"))))
    world.advance("4d")
    collect(world, "debian-dsa", "kev")
    world.until(lambda: template.endings()[-1] == "complete" and len(template.endings()) > 2)
    assert template.builds()[-1]["request"]["security_patches"]


def test_what_another_build_does_not_take_away_is_not_built_for_again(world, published):
    template = built(world, ["curl", "8.5.0-2"])
    published("kev", KEV, kev(("CVE-2020-0001", "2020-01-01")))
    collect(world, "kev")
    kept = {"cve": "CVE-2026-1030", "package": "old-kernel", "severity": "critical", "fix_available": True}
    template.will("succeed", packages=[["curl", "8.5.0-2"]])
    world.aws.scan_image(template.channel()["amis"]["us-east-1"], [kept])
    world.invoke("assess-updates")
    world.until(lambda: template.endings() == ["complete", "complete"])
    world.aws.settle()
    world.aws.scan_image(template.channel()["amis"]["us-east-1"], [kept])
    assert world.invoke("assess-updates")["patches"] == 0
    world.aws.settle()
    assert len(template.builds()) == 2


def test_a_patch_that_was_built_is_not_built_again_whatever_the_list_of_the_new_image_says(world, published):
    template = built(world, OLD)
    published("debian-dsa", DSA, dsa(day(world, -1), 9031, "CVE-2026-1031"))
    published("kev", KEV, kev(("CVE-2026-1031", day(world, -1, "%Y-%m-%d"))))
    template.will("succeed", packages=[OLD])
    collect(world, "debian-dsa", "kev")
    world.until(lambda: template.endings() == ["complete", "complete"])
    world.aws.settle()
    for _ in range(2):
        world.advance("3h")
        assert world.invoke("assess-updates")["patches"] == 0
        world.aws.settle()
    assert len(template.builds()) == 2


def test_a_patch_that_is_queued_moves_up_when_what_is_lacking_turns_out_to_be_worse(world, published):
    template = built(world, OLD)
    published("debian-dsa", DSA, dsa(day(world, -1), 9032, "CVE-2026-1032"))
    published("kev", KEV, kev(("CVE-2020-0001", "2020-01-01")))
    collect(world, "debian-dsa", "kev")
    template.waits()
    assert template.build(2)["request"]["level"] == "high"
    template.will("succeed", packages=[NEW])
    published("kev", KEV, kev(("CVE-2020-0001", "2020-01-01"), ("CVE-2026-1032", day(world, -1, "%Y-%m-%d"))))
    collect(world, "kev")
    world.until(lambda: template.endings() == ["complete", "superseded", "complete"])
    assert template.build(3)["request"]["level"] == "critical"
