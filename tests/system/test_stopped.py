"""An execution that is stopped by hand closes its build, whenever that is."""

import contextlib

import pytest


@contextlib.contextmanager
def told(world, is_told: bool):
    """With or without the event that tells of an execution's end."""
    events, rule = world.aws.client("events"), "prism-auto-ami-execution-died"
    if not is_told:
        events.disable_rule(Name=rule)
    yield
    events.enable_rule(Name=rule)


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "not told"])
def test_one_that_is_stopped_while_it_waits_frees_its_claim(world, is_told):
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    with told(world, is_told):
        world.stop(template.held()["execution"])
        world.aws.settle()
    if not is_told:
        assert template.held() and template.endings() == ["complete", None]
        assert world.invoke("reconcile-builds")["unclosed"] == 1
    world.until(lambda: template.held() is None)
    ending = template.build(2)["ending"]
    assert (ending["kind"], ending["message"]) == ("stopped", "its execution was stopped")
    assert template.build(2)["reservation"] is None
    assert template.built()["ending"]["kind"] == "complete"


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "not told"])
def test_one_that_is_stopped_while_image_builder_runs_cancels_that_and_pays_what_it_took(world, is_told):
    template = world.template(world.base(architecture="x86_64"))
    template.will("succeed", seconds=7200)
    execution = world.start(template)
    template.runs()
    world.advance("30m")
    assert template.image_status() == "BUILDING"
    with told(world, is_told):
        world.stop(execution)
        world.aws.settle()
    if not is_told:
        assert template.held() and template.image_status() == "BUILDING"
        assert world.invoke("reconcile-builds")["unclosed"] == 1
    world.until(lambda: template.held() is None)
    world.until(lambda: template.image_status() == "CANCELLED")
    build = template.build()
    assert build["ending"]["kind"] == "stopped" and build["outcome"]["result"]["status"] == "cancelled"
    state = build["reservation"]["state"]
    half_an_hour = 50_400  # of an m7i.large
    assert state["state"] == "settled" and half_an_hour <= state["amount"] <= half_an_hour * 1.1, state
    world.aws.settle()
    assert template.amis() == [] and template.published() is None and template.notices("build-failed") == []
    assert template.built()["ending"]["kind"] == "complete"


def test_a_request_that_meets_a_build_which_is_about_to_stop_gets_a_build_of_its_own(world):
    template = world.template()
    world.aws.settle()
    # plan-build's, then the one with which reserve-budget stops the build: it is answered late.
    world.aws.delay("dynamodb", 0.01, operation="TransactWriteItems")
    world.aws.delay("dynamodb", 6, operation="TransactWriteItems")
    world.start(template, max_cost="0.01")
    world.until(lambda: not world.aws.delays())
    assert template.build()["ending"] is None
    template.will("succeed")
    assert world.ended(world.start(template))["status"] == "SUCCEEDED"
    world.aws.forget()
    world.until(lambda: template.endings() == ["stopped", "complete"])
    assert "may cost $0.01 at most" in template.build()["ending"]["message"]
    assert template.journal("defer") == [], "a build that ends does not wait"
