"""Looks at what a template is due: anybody may start one, and it builds what is due and nothing else."""

from tests.system import patches
from tests.system.world import Template


def refused(world, template, **given) -> str:
    """What an execution is told that is refused in the first state."""
    execution = world.start_with({"template": template.name, **given})
    ended = world.ended(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "InvalidRequest"), ended
    assert world.states(execution) == ["PlanBuild", "RequestRefused"]
    return ended["cause"]


def test_a_look_where_nothing_is_due_builds_nothing_and_writes_nothing(world):
    template = world.template()
    template.built()
    before = template.claim()
    execution = world.look(template)
    assert world.ended(execution)["status"] == "SUCCEEDED"
    assert "nothing is due: its image lacks nothing" in world.execution(execution)["output"]
    assert template.claim()["counter"] == before["counter"] and template.journal("skip") == []


def test_a_template_without_an_image_is_not_built_by_a_look(world):
    template = world.template()
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert template.builds() == []


def test_many_looks_at_once_make_one_build(world):
    template = world.template()
    template.built()
    patches.found(template, "openssl 3.0.17-1~deb12u3")
    looks = [world.look(template) for _ in range(6)]
    template.waits()
    world.aws.settle()
    assert len(template.builds()) == 2
    assert sorted(world.execution(one)["status"] for one in looks) == ["RUNNING"] + ["SUCCEEDED"] * 5


def test_what_an_execution_of_an_earlier_version_names_as_its_cause_is_not_believed(world):
    template, other = world.template(), world.template()
    template.built(), other.built()
    patch = patches.found(other, "openssl 3.0.17-1~deb12u3", level="critical")
    for cause in ({"patches": [patch], "approved": True}, {"updates": ["debian-12/x86_64/us-east-1/99"]}, {}):
        assert world.ended(world.start_with({"template": template.name, "cause": cause}))["status"] == "SUCCEEDED"
    assert "cannot go with only_if_due" in refused(world, template, cause={}, max_cost="0.01")
    world.aws.settle()
    assert len(template.builds()) == 1 and template.claim()["next"] is None


def test_a_look_approves_nothing(world):
    template = world.template()
    template.built()
    patches.found(template, "openssl 3.0.17-1~deb12u3", level="low")
    world.look(template)
    assert "approval" in template.waits()["reason"]
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert template.build(2)["request"]["by_hand"] is False and len(template.builds()) == 2
    assert "approval" in template.waits()["reason"]


def test_what_a_person_asked_for_meanwhile_is_built_after_the_build_that_runs(world):
    template = world.template()
    template.will("succeed", seconds=600).will("succeed", seconds=0)
    first = world.start(template)
    template.runs()
    template.apply({**template.written, "packages": {"system": ["git", "curl"]}})
    assert world.ended(world.start(template, max_cost="5"))["status"] == "SUCCEEDED"
    world.advance("11m")
    assert world.ended(first)["status"] == "SUCCEEDED"
    world.until(lambda: template.endings() == ["complete", "complete"])
    assert template.builds()[-1]["request"]["max_cost"] == 5_000_000


def test_every_architecture_is_built_under_a_name_of_its_own(world):
    x86, arm = world.base("debian-12", "x86_64"), world.base("debian-12", "arm64")
    template = world.template(x86)
    template.will("succeed", count=2)
    given = {"template": template.name, "architectures": ["x86_64", "arm64"]}
    assert world.ended(world.start_with(given, f"weekly-{template.name}"))["status"] == "SUCCEEDED"
    sibling = Template(world, template.name, arm)
    world.until(lambda: template.endings() == sibling.endings() == ["complete"])
    assert sibling.build()["execution"].rpartition(":")[2].startswith("also-"), "none that its request's name tells"
    world.aws.settle()
