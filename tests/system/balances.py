"""The money, checked whole: what the ledger says against what every build says of itself."""


from datetime import datetime


def read(table) -> dict:
    """The balances by period, such as `daily#2026-11-02`."""
    return {item["sk"]: item for item in table.query("LEDGER") if item["sk"] != "running"}


def running(table) -> int:
    return (table.get("LEDGER", "running") or {"count": 0})["count"]


def check(table) -> None:
    """Every period's committed money is what was spent in it and what open reservations hold in it, what was spent
    is what its settled builds cost, and as many builds run as hold a reservation."""
    builds = [item for item in table.all() if _is_build(item) and item.get("reservation")]
    for build in builds:
        _check_overrun(build)
    reservations = [build["reservation"] for build in builds]
    held, cost = {}, {}
    for one in reservations:
        state = one["state"]["state"]
        for period in one["periods"]:
            if state == "open":
                held[period] = held.get(period, 0) + one["amount"]
            elif state == "settled":
                cost[period] = cost.get(period, 0) + one["state"]["amount"]
    found = {period: (item["committed"], item["spent"]) for period, item in read(table).items()}
    periods = {*found, *held, *cost}
    expected = {period: (cost.get(period, 0) + held.get(period, 0), cost.get(period, 0)) for period in periods}
    assert {period: found.get(period, (0, 0)) for period in periods} == expected, "(committed, spent) by period"
    assert running(table) == sum(one["state"]["state"] == "open" for one in reservations), "builds that run"


def _check_overrun(build: dict) -> None:
    """What a build costs beyond what was reserved is the time that it ran: storage and copies are in the reservation."""
    reservation, outcome, rates = build["reservation"], build["outcome"], (build["frozen"] or {}).get("rates")
    if rates and outcome and reservation["state"]["state"] == "settled":
        began, ended = build["run"]["started_at"], outcome["ended_at"]
        ran = max(60, (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds())
        over = reservation["state"]["amount"] - reservation["amount"]
        assert over <= rates["builder_per_hour"] * ran / 3600 + 1, f"{build['id']} cost more than was reserved"


def _is_build(item: dict) -> bool:
    return item["pk"].startswith("TEMPLATE#") and item["sk"].startswith("BUILD#")
