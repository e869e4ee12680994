"""Whose money it is: what waits for a person's approval, and what an approval or a rejection comes to."""

from tests.system import patches
from tests.system.happenings import waits_for_approval


def asked_urgently(world):
    """A template whose urgent build by hand waits for approval, and that build's execution."""
    template = world.template()
    execution = world.start(template, urgent=True, reason="the exam begins at noon")
    assert "waits for approval of $" in template.waits()["reason"]
    return template, execution


def test_an_urgent_request_by_hand_does_not_approve_itself(world):
    world.policy(emergency_needs_approval=True)
    template, execution = asked_urgently(world)
    world.until(lambda: template.notices("approval-needed"))
    again = world.start(template, urgent=True)
    assert world.ended(again)["status"] == "SUCCEEDED"
    world.invoke("schedule-builds")
    world.aws.settle()
    assert template.held()["stage"] == "waiting" and template.build()["reservation"] is None
    [told] = template.notices("approval-needed")
    command = f"prism builds approve {template.target}-1"
    assert "the exam begins at noon" in told.body and command in told.body and "critical" in told.body
    template.will("succeed")
    approved = world.decide(template.build()["id"], reason="it is one")
    assert world.ended(approved)["status"] == "SUCCEEDED"
    assert world.ended(execution)["status"] == "SUCCEEDED" and template.endings() == ["complete"]
    build = template.build()
    assert build["reservation"]["source"] == "emergency"
    assert build["approval"]["execution"] == approved and build["approval"]["amount"] == build["reservation"]["amount"]
    [decision] = template.journal("approve")
    assert decision["inputs"]["execution"] == approved and "it is one" in decision["reasons"]


def test_what_waits_for_approval_is_told_again_at_half_the_time_to_its_deadline_once(world):
    world.policy(emergency_needs_approval=True)
    template, _ = asked_urgently(world)
    world.advance("1h55m")
    world.aws.settle()
    assert len(template.notices("approval-needed")) == 1
    for span in ("10m", "10m", "3h"):
        world.advance(span)
    world.until(lambda: len(template.notices("approval-needed")) == 2)
    world.aws.settle()
    told, again = template.notices("approval-needed")
    assert told.subject.startswith("Approval needed: ") and again.subject.startswith("Approval still needed: ")
    assert template.held()["stage"] == "waiting", "past its deadline too"


def test_what_was_rejected_rests_until_a_cause_is_new_or_worse_or_a_person_asks(world):
    template = world.template()
    waiting = waits_for_approval(world, template, "low")
    rejected = world.decide(template.build(2)["id"], reject=True, reason="not in the exam week")
    assert world.ended(rejected)["status"] == "SUCCEEDED"
    assert world.ended(waiting)["status"] == "SUCCEEDED" and template.endings() == ["complete", "stopped"]
    assert template.build(2)["ending"]["message"] == "was rejected: not in the exam week"
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert len(template.builds()) == 2, "it rests"
    assert "was rejected: not in the exam week" in template.journal("skip")[-1]["reasons"][0]
    template.built()
    assert template.endings()[2:] == ["complete"], "a person asks"
    patches.found(template, "openssl 3.0.17-1~deb12u3", level="low", number=3)
    waiting = world.look(template)
    world.until(lambda: len(template.builds()) == 4, timeout=20)
    world.ended(world.decide(template.build(4)["id"], reject=True))
    assert world.ended(waiting)["status"] == "SUCCEEDED"
    patches.found(template, "openssl 3.0.17-1~deb12u4", level="medium", number=3)
    template.will("succeed")
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert template.endings()[3:] == ["stopped", "complete"], "it is worse"


def test_what_cannot_be_decided_is_refused_in_a_sentence_and_writes_nothing(world):
    template = world.template()
    build = template.built()["id"]
    before = template.claim()
    for given, told in [
        ({"build": build}, f"{build} has ended: its image is published"),
        ({"build": build, "reject": True, "reason": "late"}, f"{build} has ended: its image is published"),
        ({"build": f"{template.target}-99"}, "does not exist"),
        ({"build": 3, "amount": "9.00"}, '"amount" is not a field of an approval'),
    ]:
        ended = world.ended(world.decide(**given))
        assert (ended["status"], ended["error"]) == ("FAILED", "InvalidRequest"), given
        assert told in ended["cause"] and "\n" not in ended["cause"], ended["cause"]
    assert template.claim() == before


def test_a_patch_that_joins_an_urgent_request_does_not_wait_for_its_approval(world):
    world.policy(emergency_needs_approval=True)
    template = world.template()
    template.built()
    execution = world.start(template, urgent=True, reason="the exam begins at noon")
    assert "waits for approval of $" in template.waits()["reason"]
    patches.found(template, "openssl 3.0.17-1~deb12u3", level="medium")
    template.will("succeed")
    assert [world.ended(one)["status"] for one in (world.look(template), execution)] == ["SUCCEEDED", "SUCCEEDED"]
    build = template.build(2)
    assert template.endings() == ["complete", "complete"] and build["joined_count"] == 1
    assert build["approval"] is None and build["reservation"]["source"] == "monthly"
