"""Events are hints: what one has not told, reconcile-builds finds."""

from tests.system import patches


def test_the_lost_end_of_an_image_is_found(world):
    template = world.template()
    template.will("succeed", lose_event=True)
    execution = world.start(template)
    template.runs()
    world.until(lambda: template.image_status() == "AVAILABLE")
    world.aws.settle()
    assert world.execution(execution)["status"] == "RUNNING" and template.build()["outcome"] is None
    assert world.invoke("reconcile-builds")["untold"] == 1
    assert world.ended(execution)["status"] == "SUCCEEDED"
    assert template.endings() == ["complete"] and template.published()


def test_the_end_of_an_image_that_is_told_before_its_arn_is_stored_is_not_lost(world):
    template = world.template()
    template.will("succeed", event_before_response=True)
    execution = world.start(template)
    assert world.ended(execution)["status"] == "SUCCEEDED"
    build = template.build()
    assert build["ending"]["kind"] == "complete" and build["run"]["arn"] == build["outcome"]["arn"]


def test_the_end_of_an_image_that_is_told_again_changes_nothing(world):
    template = world.template()
    build = template.built()
    world.invoke("finish-image", {"resources": [build["run"]["arn"]]})
    world.aws.settle()
    assert template.builds() == [build]
    assert world.table.get("CLEARING", build["id"]) is None


def test_the_end_of_an_image_that_is_not_ours_is_passed_over(world):
    assert world.invoke("finish-image", {"resources": [
        "arn:aws:imagebuilder:us-east-1:000000000000:image/prism-nobodys-x86-64/1.0.1/1"]}) == {"ended": []}  # fmt: skip


def test_an_update_that_nobody_responded_to_is_found(world):
    template = world.template()
    template.built()
    [mapping] = mappings(world, "respond-to-update")
    lambdas = world.aws.client("lambda")
    lambdas.update_event_source_mapping(UUID=mapping, FunctionResponseTypes=["ReportBatchItemFailures"], Enabled=False)
    try:
        world.publish(template.base)
        world.watch()
        world.advance("6m")
        assert template.updates()[0]["responded_at"] is None
        assert world.invoke("reconcile-builds")["unanswered"] == 1
        assert template.waits()
        world.aws.settle()
        assert template.updates()[0]["responded_at"]
    finally:
        lambdas.update_event_source_mapping(UUID=mapping, FunctionResponseTypes=["ReportBatchItemFailures"], Enabled=True)
    world.aws.settle()
    assert len(template.notices("update-available")) == 1


def test_a_rebuild_whose_execution_ended_before_it_was_planned_is_asked_for_again(world):
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    world.aws.settle()
    _forget(world, template)
    assert world.invoke("reconcile-builds")["unasked"] == 0, "it may still be on its way"
    world.advance("31m")
    assert world.invoke("reconcile-builds")["unasked"] == 1
    template.waits()
    world.aws.settle()
    assert world.invoke("reconcile-builds")["unasked"] == 0
    template.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: template.endings()[-1] == "complete")
    world.until(lambda: not template.held())
    world.aws.settle()
    assert world.invoke("reconcile-builds")["unasked"] == 0


def _forget(world, template) -> None:
    """Has the rebuild of a template be as if nobody had ever planned it."""
    execution = template.held()["execution"]
    world.stop(execution)
    world.until(lambda: not template.held())
    world.aws.settle()
    claim = {name: value for name, value in template.claim().items() if name not in ("hold", "wanted")}
    world.table.put(**claim)


def test_a_look_that_nobody_took_up_is_started_again_after_ten_minutes(world):
    template = world.template()
    template.built()
    patches.found(template, "openssl 3.0.17-1~deb12u3")
    world.table.put(**{**template.claim(), "wanted": f"{world.now():%Y-%m-%dT%H:%M:%SZ}"})
    assert world.invoke("schedule-builds")["looks"] == 1
    template.waits()
    world.aws.settle()
    assert template.claim().get("wanted") is None and world.invoke("schedule-builds")["looks"] == 0


def test_a_notice_that_was_not_sent_is_found(world):
    [mapping] = mappings(world, "notify")
    lambdas = world.aws.client("lambda")
    lambdas.update_event_source_mapping(UUID=mapping, FunctionResponseTypes=["ReportBatchItemFailures"], Enabled=False)
    try:
        template = world.template()
        template.built()
        world.advance("6m")
        assert template.notices() == []
        assert world.invoke("reconcile-builds")["unsent"] == 1
        world.until(lambda: template.notices("build-complete"))
        world.aws.settle()
        assert world.invoke("reconcile-builds")["unsent"] == 0
    finally:
        lambdas.update_event_source_mapping(UUID=mapping, FunctionResponseTypes=["ReportBatchItemFailures"], Enabled=True)
    world.aws.settle()
    assert len(template.notices("build-complete")) == 1


def test_a_parameter_whose_write_was_dropped_or_that_was_changed_by_hand_is_repaired(world):
    template, other = world.template(), world.template()
    ami, another = (one.built()["outcome"]["result"]["amis"]["us-east-1"] for one in (template, other))
    ssm = world.aws.client("ssm")
    ssm.delete_parameter(Name=template.parameter)
    ssm.put_parameter(Name=other.parameter, Value=ami, Type="String", DataType="aws:ec2:image", Overwrite=True)
    world.until(lambda: other.published() == ami)
    assert world.invoke("reconcile-builds")["unpublished"] == 2
    world.until(lambda: (template.published(), other.published()) == (ami, another))
    world.aws.settle()
    assert world.invoke("reconcile-builds")["unpublished"] == 0


def test_when_all_is_well_nothing_is_found(world):
    template = world.template()
    template.built()
    world.advance("6m")
    assert set(world.invoke("reconcile-builds").values()) == {0}


def mappings(world, function: str) -> list:
    found = world.aws.client("lambda").list_event_source_mappings(FunctionName=world.function(function))
    return [one["UUID"] for one in found["EventSourceMappings"]]
