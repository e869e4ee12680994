"""An update of a base image rebuilds the template that stands on it."""

from tests.system import balances
from tests.system.table import stream_record
from tests.system.test_lost_events import mappings


def test_an_update_is_announced_waits_for_its_window_is_built_published_and_paid(world):
    template = world.template()
    first = template.built()
    assert template.published() == first["outcome"]["result"]["amis"]["us-east-1"]

    image = world.publish(template.base)
    [moved] = world.watch()["moved"]
    assert moved.startswith(f"{template.base.name}/{template.base.architecture}/us-east-1/")
    parked = template.waits()
    assert parked["reason"].startswith("waits for the off-peak window, which opens ")
    assert parked["until"].endswith("T02:00:00Z")
    [told] = template.notices("update-available")
    assert "02:00 UTC (in 16 hours), from the daily budget" in told.body and image in told.body, told.body
    assert len(template.builds()) == 2 and template.build(2)["run"] is None

    template.will("succeed", seconds=600)
    world.set_clock("02:00")
    world.until(lambda: template.build(2)["run"])
    world.advance("11m")
    assert world.ended(template.build(2)["execution"])["status"] == "SUCCEEDED"
    world.aws.settle()
    build = template.build(2)
    ami = build["outcome"]["result"]["amis"]["us-east-1"]
    assert build["frozen"]["base_image_id"] == image
    assert build["ending"]["kind"] == "complete"
    assert template.published() == ami == template.channel()["amis"]["us-east-1"]
    tags = next({t["Key"]: t["Value"] for t in one["Tags"]} for one in template.amis() if one["ImageId"] == ami)
    assert tags["prism:template"] == template.name and tags["prism:build-id"] == build["id"]
    reservation = build["reservation"]
    assert reservation["source"] == "daily" and reservation["state"]["state"] == "settled"
    assert 0 < reservation["state"]["amount"]
    assert reservation["periods"] == [f"daily#{world.now():%Y-%m-%d}", f"monthly#{world.now():%Y-%m}"]
    balances.check(world.table)
    [complete] = [notice for notice in template.notices("build-complete") if build["id"] in notice.id]
    assert ami in complete.body
    assert template.updates()[0]["responded_at"]


def test_an_update_that_is_seen_twice_is_built_once(world):
    template = world.template()
    template.built()
    world.publish(template.base)
    runs = [world.watch(), world.watch()]
    assert [len(run["moved"]) for run in runs] == [1, 0]
    template.waits()
    world.aws.settle()
    [update] = template.updates()
    for _ in range(2):
        assert world.invoke("respond-to-update", stream_record(update["pk"], update["sk"])) == {"batchItemFailures": []}
    clear(world, update, "responded_at")
    assert world.invoke("respond-to-update", stream_record(update["pk"], update["sk"])) == {"batchItemFailures": []}

    template.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "complete"])
    world.aws.settle()
    assert world.invoke("respond-to-update", stream_record(update["pk"], update["sk"])) == {"batchItemFailures": []}
    world.aws.settle()
    assert template.endings() == ["complete", "complete"]
    assert len(template.notices("update-available")) == 1


def test_an_update_of_an_image_on_which_nothing_stands_is_recorded_and_nothing_else(world):
    base = world.base()
    world.publish(base)
    assert len(world.watch()["moved"]) == 1
    world.aws.settle()
    update = world.table.query(base.partition, "UPDATE#")[-1]
    assert update["responded_at"] and update["announced_at"] is None
    assert world.inbox.about(update["image_id"]) == []


def test_a_template_that_was_disabled_is_not_rebuilt_and_the_notice_and_the_journal_say_why(world):
    template = world.template()
    template.built()
    template.disable("the course is over")
    world.publish(template.base)
    world.watch()
    world.aws.settle()
    [skipped] = template.journal("skip")
    assert skipped["reasons"] == ["the template is disabled: the course is over"]
    [told] = template.notices("update-available")
    assert told.subject.endswith("1 template not rebuilt") and "Not rebuilt: 1" in told.body
    assert f"{template.name}-{template.base.architecture}: the template is disabled: the course is over" in told.body
    update = template.updates()[-1]
    assert update["announced_at"] and update["responded_at"] and len(template.builds()) == 1


def test_a_build_whose_template_is_disabled_while_it_waits_is_stopped_with_the_reason(world):
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    template.disable("the course is over")
    world.set_clock("02:00")
    world.until(lambda: template.endings()[-1])
    ending = template.build(2)["ending"]
    assert ending["kind"] == "stopped" and "the course is over" in ending["message"], ending
    assert template.build(2)["reservation"] is None and template.notices("build-failed") == []


def test_two_templates_on_one_image_are_announced_together_and_both_built(world):
    one = world.template()
    other = world.template(one.base)
    one.built(), other.built()
    world.publish(one.base)
    world.watch()
    one.waits(), other.waits()
    [notice] = world.inbox.about(one.name, "update-available")
    assert other.name in notice.body and "2 templates to rebuild" in notice.subject
    one.will("succeed"), other.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: one.endings() == other.endings() == ["complete", "complete"])


def test_a_template_that_stands_on_the_new_image_already_is_not_built_again(world):
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    world.aws.settle()
    template.will("succeed")
    assert world.ended(world.start(template, urgent=True))["status"] == "SUCCEEDED"
    world.until(lambda: not template.held())
    update = template.updates()[-1]
    _forget_the_pages(world, update)
    clear(world, update, "responded_at")
    assert world.invoke("respond-to-update", stream_record(update["pk"], update["sk"])) == {"batchItemFailures": []}
    [skipped] = template.journal("skip")
    assert skipped["reasons"] == [f"its image stands on {update['image_id']} already"]
    assert world.table.get(update["pk"], update["sk"])["responded_at"]


def test_a_response_that_stopped_goes_on_at_its_newest_page_and_plans_nothing_anew(world):
    one = world.template()
    other = world.template(one.base)
    one.built(), other.built()
    [mapping] = mappings(world, "respond-to-update")
    lambdas = world.aws.client("lambda")
    lambdas.update_event_source_mapping(UUID=mapping, FunctionResponseTypes=["ReportBatchItemFailures"], Enabled=False)
    try:
        world.publish(one.base)
        world.watch()
        # As if its first page were done, and the second asked for.
        update = one.updates()[-1]
        number, plan = update["sk"].removeprefix("UPDATE#"), {"name": "0123456789ab", "pages": 2}
        world.table.put(update["pk"], f"PLAN#{number}#0000#0123456789ab#000002", templates=[other.name])
        world.table.put(update["pk"], f"PAGE#{number}#0000#000002", update=update["id"], round=0, page=2, plan=plan,
                        at=update["updated_at"])  # fmt: skip
        world.advance("6m")
        assert world.invoke("reconcile-builds")["unanswered"] == 1
        assert other.waits()
        world.until(lambda: one.updates()[-1]["responded_at"])
        assert len(world.executions_of(one)) == 1 and one.notices("update-available") == []
    finally:
        lambdas.update_event_source_mapping(UUID=mapping, FunctionResponseTypes=["ReportBatchItemFailures"], Enabled=True)
    world.aws.settle()


def test_an_update_that_turns_out_to_be_worse_starts_a_second_round(world):
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    world.aws.settle()
    update = template.updates()[-1]
    template.will("succeed")
    _reassess(world, update, security_level="critical", reasons=["it is exploited"])
    world.until(lambda: template.endings() == ["complete", "superseded", "complete"])
    world.until(lambda: template.updates()[-1]["responded_at"])
    world.aws.settle()
    [told] = template.notices("update-reassessed")
    assert "CRITICAL" in told.subject and "it is exploited" in told.body
    assert template.build(3)["reservation"]["source"] == "emergency"


def test_a_move_in_another_region_rebuilds_nothing_and_is_told_to_nobody(world):
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    world.aws.settle()
    here = template.updates()[-1]
    there = {**here, "id": here["id"].replace("us-east-1", "eu-west-1"), "announced_at": None, "responded_at": None}
    sk = here["sk"].replace("us-east-1", "eu-west-1")
    world.table.put(**{**there, "sk": sk})
    try:
        world.until(lambda: world.table.get(here["pk"], sk)["responded_at"])
        world.aws.settle()
        assert world.table.get(here["pk"], sk)["announced_at"] is None
        assert len(template.notices("update-available")) == 1 and len(world.executions_of(template)) == 2
    finally:
        world.table.delete(here["pk"], sk)


def _reassess(world, update: dict, **judged) -> None:
    """As whoever judges it anew: its record is in the next round, and a page asks for a plan."""
    sk = update["sk"].replace("UPDATE#", "PAGE#") + "#0001#000000"
    now = f"{world.now():%Y-%m-%dT%H:%M:%SZ}"
    world.table.put(**{**update, **judged, "round": 1, "announced_at": None, "responded_at": None, "assessed_at": now})
    world.table.put(update["pk"], sk, update=update["id"], round=1, page=0, plan=None, at=now)


def _forget_the_pages(world, update: dict) -> None:
    for item in world.table.query(update["pk"], update["sk"].replace("UPDATE#", "PAGE#")):
        world.table.delete(item["pk"], item["sk"])


def clear(world, item: dict, field: str) -> None:
    """Takes from an item that something was done with it."""
    fields = {name: value for name, value in item.items() if name not in ("pk", "sk")}
    world.table.put(**{"pk": item["pk"], "sk": item["sk"], **fields, field: None})
