"""No pot is overspent, and every reservation is closed once."""

from collections import defaultdict

from tests.system import balances

# Micro-dollars an hour of the builders that the stack has: `shared/domain/src/prices.rs`.
_PRICE = {"x86_64": 100_800, "arm64": 81_600}
_DEFAULT = {"budgets": {"daily": 25_000_000, "monthly": 500_000_000, "emergency": 50_000_000}, "max_concurrent_builds": 5}


def no_reservation_exceeds_the_budget_in_force(result):
    """Money that is committed without being spent is a reservation: then no more is committed than the limit."""
    policy = _DEFAULT
    for change in result.changes:
        if change.pk == "POLICY":
            policy = {**_DEFAULT, **(change.new or {})}
        if change.pk != "LEDGER" or change.sk == "running":
            continue
        if not _can_be_read(change, "committed", "spent"):
            continue
        grown, spent = _growth(change, "committed"), _growth(change, "spent")
        limit = policy["budgets"][change.sk.partition("#")[0]]
        if grown > 0 and not spent and change.new["committed"] > limit:
            yield f"{change.new['committed']} is committed of {change.sk}, which has {limit}"
        if not 0 <= change.became("spent") <= change.became("committed"):
            yield f"{change.sk} has {change.became('spent')} spent of {change.became('committed')}"


def no_more_builds_run_than_the_policy_allows(result):
    most = _DEFAULT["max_concurrent_builds"]
    for change in result.changes:
        if change.pk == "POLICY":
            written = (change.new or {}).get("max_concurrent_builds", _DEFAULT["max_concurrent_builds"])
            # A build may begin that read the policy just before somebody broke it.
            most = written if isinstance(written, int) else most
        if (change.pk, change.sk) == ("LEDGER", "running"):
            if _growth(change, "count") > 0 and change.became("count") > most:
                yield f"{change.became('count')} run, and {most} may"
            if change.became("count") < 0:
                yield f"{change.became('count')} run"


def every_reservation_is_closed_once(result):
    """It is opened once, then settled or released; what was released may still be settled, once."""
    allowed = {(None, "open"), ("open", "settled"), ("open", "released"), ("released", "settled")}
    for change in result.changes_of("TEMPLATE#", "BUILD#"):
        before, after = change.was("reservation"), change.became("reservation")
        if before == after:
            continue
        states = tuple(one and one["state"]["state"] for one in (before, after))
        if states not in allowed:
            yield f"{change.became('id')} goes from {states[0]} to {states[1]}"
        elif before and any(before[name] != after[name] for name in ("amount", "periods", "source")):
            yield f"{change.became('id')} reserved {before}, and closes {after}"


def a_build_costs_more_than_reserved_only_by_its_run_time(result):
    for build in result.builds.values():
        reservation = build["reservation"]
        if not reservation or reservation["state"]["state"] != "settled":
            continue
        over = reservation["state"]["amount"] - reservation["amount"]
        price = _PRICE[build["request"]["target"]["architecture"]]
        most = price * max(60, _seconds(build)) // 3600 + 1
        if over > most:
            yield f"{build['id']} reserved {reservation['amount']} and cost {over} more; its instances cost {most}"


def no_build_is_reserved_above_its_own_limit(result):
    """That is a person's own limit, or else what the policy that let it begin has for its level."""
    by_version = {change.became("version"): change.became("max_cost_by_level") for change in result.changes_of("POLICY")}
    by_version = {version: limits for version, limits in by_version.items() if isinstance(limits, dict)}
    for change in result.changes_of("TEMPLATE#", "BUILD#"):
        reservation, request = change.became("reservation"), change.became("request") or {}
        limit = request.get("max_cost")
        if reservation and request.get("max_cost_by_level"):
            limit = by_version.get(change.became("frozen")["policy_version"], {}).get(request["level"])
        if not change.was("reservation") and reservation and limit is not None and reservation["amount"] > limit:
            yield f"{change.became('id')} reserved {reservation['amount']}, and may cost {limit}"


def emergency_money_is_approved_where_the_policy_asks_for_it(result):
    """By an execution of approve-build, and up to what is reserved."""
    asked, arns = False, {one["executionArn"] for one in result.executions}
    deciders = {arn for arn in arns if ":prism-auto-ami-approve-build:" in arn}
    for change in result.changes:
        if change.pk == "POLICY":
            asked = change.became("emergency_needs_approval") is True
        if not (change.pk.startswith("TEMPLATE#") and change.sk.startswith("BUILD#")):
            continue
        reservation, approval = change.became("reservation"), change.became("approval") or {}
        if asked and not change.was("reservation") and reservation and reservation["source"] == "emergency":
            if approval.get("execution") not in deciders or approval["amount"] < reservation["amount"]:
                yield f"{change.became('id')} took {reservation['amount']} by the approval {approval}"


def the_ledger_is_the_sum_of_the_builds(result):
    try:
        balances.check(result.environment.table)
    except AssertionError as failure:
        yield str(failure).replace("\n", " ")[:600]


def every_reservation_is_in_the_journal_once(result):
    told = defaultdict(int)
    for decision in result.decisions("reserve"):
        told[decision["subject"]] += 1
    for build in result.builds.values():
        if told[build["id"]] != bool(build["reservation"]):
            yield f"{build['id']} was reserved {told[build['id']]} times"


def _can_be_read(change, *names) -> bool:
    """Whether nobody has broken the record before, or does so now."""
    values = [value for name in names for value in (change.was(name) or 0, change.became(name))]
    return all(isinstance(value, int) for value in values)


def _growth(change, name: str) -> int:
    return change.became(name) - (change.was(name) or 0)


def _seconds(build: dict) -> int:
    from datetime import datetime

    began, ended = build["run"]["started_at"], build["outcome"]["ended_at"]
    return int((datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()) + 1


INVARIANTS = [
    no_reservation_exceeds_the_budget_in_force,
    no_more_builds_run_than_the_policy_allows,
    every_reservation_is_closed_once,
    a_build_costs_more_than_reserved_only_by_its_run_time,
    no_build_is_reserved_above_its_own_limit,
    emergency_money_is_approved_where_the_policy_asks_for_it,
    the_ledger_is_the_sum_of_the_builds,
    every_reservation_is_in_the_journal_once,
]
