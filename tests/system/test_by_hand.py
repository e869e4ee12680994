"""A build that a person asks for, in the Step Functions console."""

from tests.system.world import Template


def test_the_name_of_a_template_is_enough(world):
    template = world.template()
    template.will("succeed")
    execution = world.start(template)
    assert world.ended(execution)["status"] == "SUCCEEDED"
    assert template.endings() == ["complete"] and template.published()
    build = template.build()
    assert build["request"]["trigger"] == "manual" and build["reservation"]["source"] == "monthly"


def test_an_urgent_one_is_paid_from_the_emergency_budget(world):
    template = world.template()
    build = template.built(urgent=True, reason="the exam begins at noon")
    assert build["reservation"]["source"] == "emergency"
    assert build["reservation"]["periods"] == [f"emergency#{world.now():%Y-%m}"]
    assert build["request"]["reason"] == "the exam begins at noon"


def test_a_base_image_that_nobody_has_looked_at_is_looked_at_at_once(world):
    template = world.template(world.unseen()).will("succeed")
    execution = world.start(template)
    world.until(lambda: world.table.get(*template.base.tracked))
    assert "is seen" in world.until(lambda: template.held().get("parked"))["reason"]
    world.advance("1m")
    assert world.ended(execution)["status"] == "SUCCEEDED" and template.published()


def test_both_architectures_are_built_if_both_are_asked_for(world):
    x86, arm = world.base("debian-12", "x86_64"), world.base("debian-12", "arm64")
    template = world.template(x86)
    template.will("succeed", count=2)
    assert world.ended(world.start(template, architectures=["x86_64", "arm64"]))["status"] == "SUCCEEDED"
    sibling = Template(world, template.name, arm)
    world.until(lambda: template.endings() == sibling.endings() == ["complete"])
    assert template.published() != sibling.published()
    architectures = {one["ImageId"]: one["Architecture"] for one in template.amis()}
    assert architectures == {template.published(): "x86_64", sibling.published(): "arm64"}


def test_what_may_cost_less_than_it_would_is_stopped_with_both_sums(world):
    template = world.template()
    execution = world.start(template, max_cost="0.10")
    assert world.ended(execution)["status"] == "SUCCEEDED"
    ending = template.build()["ending"]
    assert ending["kind"] == "stopped" and "may cost $0.10 at most" in ending["message"], ending
    assert template.build()["reservation"] is None and template.notices("build-failed") == []


REFUSED = [
    ({"template": "nope", "colour": 1}, ['"nope" does not exist', '"colour" is not a field']),
    ({}, ["template is missing"]),
    ([], ["is not a JSON object"]),
    ({"template": "Not A Name"}, ["Not A Name"]),
    ({"urgent": "yes"}, ["urgent is neither true nor false"]),
    ({"architectures": ["sparc"]}, ["architectures[0] is not an architecture"]),
    ({"max_cost": "a lot"}, ['max_cost "a lot"']),
    ({"deadline": "soon"}, ['deadline "soon" is not an instant']),
    ({"reason": "x" * 201}, ["reason is longer than 200"]),
    ({"only_if_due": True, "urgent": True}, ["urgent cannot go with only_if_due"]),
    ({"urgent": 1, "deadline": 5}, ["urgent is neither", 'deadline "5"']),
]


def everything(world) -> list:
    """All that is in the table, but what is known of base images, which are looked at by the clock, and what expires
    within the hour, which DynamoDB removes at its leisure."""
    by_the_clock, soon = ("WATCH", "TRACKED#", "TROUBLE#", "BASE#"), world.now().timestamp() + 3600
    kept = [item for item in world.table.all() if not item["pk"].startswith(by_the_clock)]
    return [item for item in kept if item.get("ttl", soon) >= soon]


def test_what_cannot_be_read_fails_in_the_first_state_with_a_sentence_and_writes_nothing(world):
    template = world.template()
    world.aws.settle()
    before = everything(world)
    for given, told in REFUSED:
        if given and "template" not in given:
            given = {"template": template.name, **given}
        execution = world.start_with(given)
        ended = world.ended(execution)
        assert (ended["status"], ended["error"]) == ("FAILED", "InvalidRequest"), given
        assert [part for part in told if part not in ended["cause"]] == [], ended["cause"]
        assert "\n" not in ended["cause"]
        assert world.states(execution) == ["PlanBuild", "RequestRefused"]
    world.aws.settle()
    assert everything(world) == before
