"""Each invariant notices when it is broken: of a storm in which nothing goes wrong they all say nothing, which proves
little."""

from collections import Counter
from copy import deepcopy
from types import SimpleNamespace

import pytest

from tests.storm.invariants import ALL, builds, images, money, notices, updates
from tests.storm.result import Result
from tests.storm.stream_recorder import Change

TARGET = {"template": "t", "architecture": "x86_64"}
BASE = "BASE#debian-12#x86_64"
BUILD = {
    "pk": "TEMPLATE#t", "sk": "BUILD#x86_64#00000001", "id": "t-x86_64-1",
    "request": {"target": TARGET, "max_cost": None, "base_image_updates": []},
    "reservation": {"source": "daily", "periods": ["daily#2026-12-01"], "amount": 100,
                    "state": {"state": "settled", "amount": 100}},
    "run": {"arn": "arn", "started_at": "2026-12-01T00:00:00Z"},
    "outcome": {"ended_at": "2026-12-01T00:01:00Z", "result": {"status": "available", "amis": {"us-east-1": "ami-1"}}},
    "published_at": "2026-12-01T00:01:00Z", "ending": {"kind": "complete", "message": "", "at": "2026-12-01T00:01:01Z"},
}  # fmt: skip
CHANNEL = {"pk": "TEMPLATE#t", "sk": "CHANNEL#x86_64#latest", "build": "t-x86_64-1", "base_image_id": "ami-b1",
           "amis": {"us-east-1": "ami-1"}}  # fmt: skip
MOVE = {"id": "debian-12/x86_64/us-east-1/1", "image_id": "ami-b2", "update_type": "security", "direction": "forward"}
DEPENDANT = {"target": TARGET, "base_image_id": "ami-b1"}


def changed(item: dict, **more) -> dict:
    return {**deepcopy(item), **more}


def held(state: str, amount: int = 100) -> dict:
    return {**BUILD["reservation"], "amount": amount, "state": {"state": state, "amount": amount}}


def write(item: dict, before: dict | None = None, pk: str = "", sk: str = "") -> Change:
    return Change(pk or item["pk"], sk or item["sk"], before, item, 0)


def result(changes=(), items=(), foreign=None, **more) -> Result:
    """What a storm left: one published AMI with its snapshot, unless told otherwise."""
    aws = SimpleNamespace(region="us-east-1", client=lambda *_: None)
    environment = SimpleNamespace(aws=aws, victims=[], foreign_amis=foreign or {}, foreign_images=[], figures=Counter())
    image = {"Name": "prism", "BlockDeviceMappings": [{"Ebs": {"SnapshotId": "snap-1"}}]}
    left = {"amis": {"us-east-1": {"ami-1": image}}, "snapshots": {"us-east-1": {"snap-1"}}}
    return Result(environment, list(changes), list(items), **{**left, **more})


def ledger(committed: int, spent: int, before=(0, 0)) -> Change:
    return Change("LEDGER", "daily#2026-12-01", {"committed": before[0], "spent": before[1]},
                  {"committed": committed, "spent": spent}, 0)  # fmt: skip


def policy(**fields) -> Change:
    return Change("POLICY", "CURRENT", None, fields, 0)


def told(kind: str, subject: str, **inputs) -> dict:
    return {"pk": "TEMPLATE#t", "sk": f"DECISION#{subject}", "kind": kind, "subject": subject, "inputs": inputs}


def paid_in_an_emergency(approver: str) -> Change:
    approval, reservation = {"execution": approver, "amount": 100}, {**held("open"), "source": "emergency"}
    return write(changed(BUILD, approval=approval, reservation=reservation), changed(BUILD, reservation=None))


APPROVER = "arn:aws:states:us-east-1:0:execution:prism-auto-ami-approve-build:a"
LIMITS = {"daily": 200, "monthly": 200, "emergency": 200}
ENDED = [BUILD, told("stop", "t-x86_64-1:closed")]
DIED = changed(BUILD, ending={"kind": "failed", "message": "the record cannot be read", "at": ""}, published_at=None)

# An invariant, a result that keeps it, and one that breaks it.
CASES = [
    (money.no_reservation_exceeds_the_budget_in_force,
     result([policy(budgets=LIMITS), ledger(200, 0), ledger(300, 100, (200, 0))]),
     result([policy(budgets=LIMITS), ledger(201, 0)])),
    (money.no_reservation_exceeds_the_budget_in_force, result([ledger(10, 10)]), result([ledger(10, 11)])),
    (money.no_more_builds_run_than_the_policy_allows,
     result([policy(max_concurrent_builds=1), Change("LEDGER", "running", None, {"count": 1}, 0)]),
     result([policy(max_concurrent_builds=1), Change("LEDGER", "running", {"count": 1}, {"count": 2}, 0)])),
    (money.every_reservation_is_closed_once,
     result([write(changed(BUILD, reservation=held("open")), changed(BUILD, reservation=None))]),
     result([write(changed(BUILD, reservation=held("settled")), changed(BUILD, reservation=held("settled", 99)))])),
    (money.every_reservation_is_closed_once,
     result([write(changed(BUILD, reservation=held("settled")), changed(BUILD, reservation=held("released")))]),
     result([write(changed(BUILD, reservation=held("open")), changed(BUILD, reservation=held("released")))])),
    (money.a_build_costs_more_than_reserved_only_by_its_run_time,
     result(items=[changed(BUILD, reservation={**BUILD["reservation"], "state": {"state": "settled", "amount": 1_700}})]),
     result(items=[changed(BUILD, reservation={**BUILD["reservation"], "state": {"state": "settled", "amount": 99_999}})])),
    (money.no_build_is_reserved_above_its_own_limit,
     result([write(changed(BUILD, request={**BUILD["request"], "max_cost": 100}), changed(BUILD, reservation=None))]),
     result([write(changed(BUILD, request={**BUILD["request"], "max_cost": 99}), changed(BUILD, reservation=None))])),
    (money.emergency_money_is_approved_where_the_policy_asks_for_it,
     result([policy(emergency_needs_approval=True), paid_in_an_emergency(APPROVER)], executions=[{"executionArn": APPROVER}]),
     result([policy(emergency_needs_approval=True), paid_in_an_emergency("arn:else")], executions=[{"executionArn": APPROVER}])),
    (money.every_reservation_is_in_the_journal_once,
     result(items=[BUILD, told("reserve", "t-x86_64-1")]),
     result(items=[BUILD, told("reserve", "t-x86_64-1"), changed(told("reserve", "t-x86_64-1"), sk="DECISION#later")])),
    (builds.every_execution_ends,
     result(executions=[{"name": "a", "status": "SUCCEEDED"}]), result(executions=[{"name": "a", "status": "RUNNING"}])),
    (builds.an_execution_fails_with_a_reason_that_the_storm_explains,
     result(executions=[{"name": "a", "status": "FAILED", "error": "InvalidRequest", "cause": "no"}]),
     result(executions=[{"name": "a", "status": "FAILED", "error": "BuildFailed", "cause": "it could not be closed"}])),
    (builds.every_build_ends_once, result(items=ENDED), result(items=[BUILD])),
    (builds.every_build_ends_once, result(items=ENDED), result(items=[changed(BUILD, ending=None)])),
    (builds.every_build_ends_once,
     result([write(BUILD, changed(BUILD, ending=None))], ENDED), result([write(BUILD, DIED)], ENDED)),
    (builds.a_build_fails_with_a_reason_that_the_storm_explains, result(items=ENDED), result(items=[DIED])),
    (builds.a_function_exits_only_where_the_storm_killed_it, result(exits=2, kills=2), result(exits=2, kills=1)),
    (builds.one_build_of_a_target_runs_at_a_time,
     result([write(changed(BUILD, reservation=held("open")))]),
     result([write(changed(BUILD, id=f"t-x86_64-{number}", reservation=held("open"))) for number in (1, 2)])),
    (builds.builds_are_numbered_one_by_one,
     result([Change("CLAIM", "t", {"counter": 1}, {"counter": 2}, 0)]),
     result([Change("CLAIM", "t", {"counter": 2}, {"counter": 1}, 0)])),
    (builds.no_function_is_refused_a_right, result(), result(refusals=["AccessDenied"])),
    (builds.no_function_is_refused_a_right,
     result(refusals=["deregistering ami-0: UnauthorizedOperation"]), result(refusals=["deregistering ami-1: UnauthorizedOperation"])),
    (images.every_published_ami_exists, result(items=[CHANNEL, BUILD]), result(items=[CHANNEL], amis={"us-east-1": {}})),
    (images.every_channel_names_the_newest_complete_build,
     result(items=[CHANNEL, BUILD]), result(items=[changed(CHANNEL, build="t-x86_64-0"), BUILD])),
    (images.no_ami_and_no_snapshot_is_left_that_is_not_published, result(items=[CHANNEL]), result()),
    (images.no_ami_and_no_snapshot_is_left_that_is_not_published,
     result(items=[CHANNEL]), result(items=[CHANNEL], snapshots={"us-east-1": {"snap-1", "snap-2"}})),
    (images.no_foreign_ami_is_touched,
     result(foreign={"ami-1": "golden"}), result(foreign={"ami-2": "golden"})),
    (images.no_foreign_ami_is_touched,
     result(foreign={"ami-1": "golden"}), result(foreign={"ami-1": "golden"}, snapshots={"us-east-1": set()})),
    (images.no_foreign_ami_is_published,
     result([write(CHANNEL)]), result([write(CHANNEL)], foreign={"ami-1": "golden"})),
    (notices.every_notice_is_left_once_and_sent,
     result(), result([Change("NOTICE#1", "1", None, {"id": "n"}, 0)])),
    (notices.a_build_that_completes_or_fails_is_told_of_once,
     result([Change("NOTICE#1", "1", None, {"id": "build-complete:t-x86_64-1"}, 0)], [BUILD]), result(items=[BUILD])),
    (notices.a_notice_is_published_twice_only_where_notify_died_between_two_writes,
     result(notices=[SimpleNamespace(id="n")]), result(notices=[SimpleNamespace(id="n")] * 2)),
    (notices.notices_are_safe_to_print,
     result(notices=[SimpleNamespace(id="n", subject="s", body="a\nb")]),
     result(notices=[SimpleNamespace(id="n", subject="s", body="a\x1b[31m")])),
    (notices.nothing_is_set_aside_without_a_reason,
     result(lost=[{"responsePayload": {"errorType": "TransientFault"}}]),
     result(lost=[{"responsePayload": {"errorType": "PermanentFault"}}])),
    (updates.every_security_update_is_answered_for_each_dependant,
     result([write(DEPENDANT, pk=BASE, sk="DEPENDANT#t"), write(MOVE, pk=BASE, sk="UPDATE#us-east-1#00000001")],
           [changed(BUILD, request={**BUILD["request"], "base_image_updates": [MOVE["id"]]})]),
     result([write(DEPENDANT, pk=BASE, sk="DEPENDANT#t"), write(MOVE, pk=BASE, sk="UPDATE#us-east-1#00000001")],
           [BUILD, CHANNEL])),
]  # fmt: skip


# These ask AWS itself.
_ASK = {money.the_ledger_is_the_sum_of_the_builds, builds.nothing_is_left_to_do, images.every_parameter_names_its_channels_ami}


@pytest.mark.parametrize("invariant, kept, broken", [pytest.param(*case, id=case[0].__name__) for case in CASES])
def test_an_invariant_that_is_broken_is_told_and_one_that_is_kept_is_not(invariant, kept, broken):
    assert list(invariant(kept)) == []
    assert list(invariant(broken)) != []


def test_every_invariant_has_a_result_that_violates_it():
    assert {case[0] for case in CASES} | _ASK == set(ALL)
