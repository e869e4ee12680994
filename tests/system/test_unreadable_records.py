"""One record that cannot be read stops nobody else, and what it is about is taken up once it is mended."""

import contextlib
import copy

from tests.system.test_files import prism


def item(world, pk: str, sk: str) -> dict:
    found = world.table.client.get_item(
        TableName=world.table.name, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True)  # fmt: skip
    return found["Item"]


@contextlib.contextmanager
def unreadable(world, *records):
    """Each record, as `(pk, sk, path, value)`, holds something else at a path until the block is left."""
    before = [item(world, pk, sk) for pk, sk, _, _ in records]
    for original, (_, _, path, value) in zip(before, records, strict=True):
        spoiled = copy.deepcopy(original)
        *way, last = path.split(".")
        place = spoiled
        for name in way:
            place = place[name]["M"]
        place[last] = value
        world.table.client.put_item(TableName=world.table.name, Item=spoiled)
    try:
        yield
    finally:
        for original in before:
            world.table.client.put_item(TableName=world.table.name, Item=original)


def test_unreadable_records_of_one_template_stop_no_other(world):
    base = world.base()
    other, broken, elsewhere = world.template(base), world.template(base), world.template()
    for template in (other, broken, elsewhere):
        template.built()
    world.publish(elsewhere.base)
    world.watch()
    elsewhere.waits()
    # Who still writes a record whole would mend it.
    world.aws.settle()
    number = {"N": "7"}
    build = elsewhere.builds()[0]["sk"]
    records = [
        ("CLAIM", broken.target, "counter", {"S": "one"}),
        ("TEMPLATES", broken.name, "template", number),
        (base.partition, f"DEPENDANT#{broken.name}", "target", number),
        (elsewhere.partition, build, "request.trigger", {"S": "season"}),
        (broken.partition, f"CHANNEL#{base.architecture}#latest", "amis", number),
        (elsewhere.base.partition, elsewhere.updates()[-1]["sk"], "security_level", {"S": "dreadful"}),
    ]
    with unreadable(world, *records):
        world.publish(base)
        world.watch()
        other.will()
        other.waits()
        [told] = world.until(lambda: other.notices("update-available"))
        assert f"{broken.target}: it is rebuilt once its template can be read: the record TEMPLATES" in told.body

        # People hear of each once, with table, key and field. A build that is over concerns nobody but who looks at it.
        found = world.invoke("reconcile-builds")
        expected = [record for record in records if record[1] != build]
        logged = world.logged("reconcile-builds")
        missed = [record for record in expected if f"the record {record[0]} {record[1]} " not in logged]
        assert not missed, [item(world, pk, sk) for pk, sk, *_ in missed]
        assert (found["unreadable"], found["failed"]) == (len(expected), 0), found
        [told] = world.until(lambda: world.inbox.about(broken.target, "record-unreadable"))
        for pk, sk, path, _ in expected:
            assert f"the record {pk} {sk} in the table {world.table.name} cannot be read: field {path}" in told.body
        world.invoke("reconcile-builds")

        shown = prism(world, "templates", "auto-ami", "status")
        assert shown.returncode == 0 and f"{other.name}: " in shown.stdout, shown
        listed = prism(world, "builds", "list", elsewhere.name)
        assert "field request.trigger" in listed.stdout + listed.stderr, listed
        world.invoke("assess-updates")
        world.invoke("collect-advisories", {"feeds": []})

        # What cannot be read is tried again and again.
        world.set_clock("02:00", patience=5)
        world.until(lambda: other.endings() == ["complete", "complete"])
        assert broken.claim()["counter"] == "one", "nobody builds what nobody knows the state of"
        world.aws.is_quiet_within(5)
        assert len(world.inbox.about(broken.target, "record-unreadable")) == 1
    # Mended, each is taken up by itself.
    broken.will()
    world.until(lambda: broken.endings() == ["complete", "complete"], timeout=60)
    assert world.invoke("reconcile-builds")["unreadable"] == 0


def test_builds_wait_for_a_balance_that_cannot_be_read_and_others_go_on(world):
    template, urgent = world.template(), world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    # The window opens tomorrow: its money is of that day.
    world.set_clock("01:50")
    day = f"daily#{world.now():%Y-%m-%d}"
    world.table.put("LEDGER", day, committed="much", spent=0)
    world.set_clock("02:00")
    reason = world.until(lambda: _reason(template, "cannot be read"))
    assert f"the record LEDGER {day} in the table {world.table.name} cannot be read: field committed" in reason
    assert urgent.built(urgent=True)["reservation"]["source"] == "emergency"
    assert template.endings() == ["complete", None], "it waits, and does not fail"
    template.will()
    world.table.delete("LEDGER", day)
    world.invoke("schedule-builds")
    world.until(lambda: template.endings() == ["complete", "complete"])


def test_an_unreadable_policy_starts_nothing_and_fails_nothing_and_can_be_replaced(world, tmp_path):
    running, waiting, fresh = world.template(), world.template(), world.template()
    waiting.built()
    world.publish(waiting.base)
    world.watch()
    waiting.waits()
    running.will("succeed", seconds=600)
    world.start(running)
    running.runs()
    world.table.put("POLICY", "CURRENT", version=3, max_concurrent_builds="many")

    for name in ("watch-base-images", "assess-updates", "schedule-builds", "reconcile-builds"):
        world.invoke(name)
    world.until(lambda: world.inbox.about("POLICY CURRENT", "record-unreadable"))
    # What runs is finished, published, closed and settled.
    world.advance("11m")
    world.until(lambda: running.endings() == ["complete"])
    assert running.published() and running.build()["reservation"]["state"]["state"] == "settled"
    # What waits goes on waiting, with the reason; what is asked for now waits to be planned.
    world.set_clock("02:00")
    world.advance("1h")
    world.until(lambda: _reason(waiting, "the record POLICY CURRENT"))
    asked = world.start(fresh)
    shown = prism(world, "templates", "auto-ami", "status")
    assert shown.returncode == 0 and "POLICY CURRENT" in shown.stdout + shown.stderr

    policy = tmp_path / "policy.yaml"
    policy.write_text("auto_ami_policy: {}\n")
    applied = prism(world, "policy", "apply", policy)
    assert applied.returncode == 0 and "version 4" in applied.stdout, applied
    assert "max_concurrent_builds" in applied.stdout and "cannot be read" in applied.stdout
    waiting.will()
    fresh.will()
    world.until(lambda: waiting.endings() == ["complete", "complete"])
    assert world.ended(asked, timeout=60)["status"] == "SUCCEEDED"
    world.aws.settle()
    assert world.inbox.set_aside() == []


def _reason(template, part: str) -> str | None:
    reason = (template.parked() or {}).get("reason", "")
    return reason if part in reason else None
