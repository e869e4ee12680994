"""Windows open and close when Python's zoneinfo says so, on the days on which clocks change too."""

import random
import subprocess
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path

import pytest

MANY = 100_000
FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
ROOT = Path(__file__).parents[1]


@pytest.fixture
def zones():
    """Every zone of the pinned database, whatever the machine has."""
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield {name: zoneinfo.ZoneInfo(name) for name in sorted(zoneinfo.available_timezones()) if "/" in name}
    zoneinfo.reset_tzpath(to=before)
    zoneinfo.ZoneInfo.clear_cache()


def test_a_hundred_thousand_windows_open_as_zoneinfo_says(zones):
    draw = random.Random(20261128)
    changes = {name: weeks_of_change(zone) for name, zone in zones.items()}
    names = list(zones)
    asked = [case(draw, name, zones[name], changes[name]) for name in draw.choices(names, k=MANY)]
    lines = "".join(f"{now:%Y-%m-%dT%H:%M:%SZ}\t{start}-{end} {name}\n" for now, start, end, name in asked)
    answers = subprocess.run(["cargo", "run", "--quiet", "--locked", "--package", "prism-domain", "--example", "openings"],
                             input=lines, capture_output=True, text=True, check=True, cwd=ROOT).stdout  # fmt: skip
    answers = [tuple(map(int, line.split())) for line in answers.splitlines()]
    assert len(answers) == MANY
    wrong = [(*one, answer, opening(*one[:3], zones[one[3]]))
             for one, answer in zip(asked, answers, strict=True)
             if answer != opening(*one[:3], zones[one[3]])]  # fmt: skip
    assert not wrong, wrong[:5]


def case(draw: random.Random, name: str, zone: tzinfo, changes: list) -> tuple:
    """An instant and a window of a zone; every second one is near a change of its clocks, if it has any."""
    now = FIRST + timedelta(seconds=draw.randrange(int((LAST - FIRST).total_seconds())))
    if changes and draw.random() < 0.5:
        now = draw.choice(changes) + timedelta(minutes=draw.randrange(-1440, 8 * 1440))
    start, end = (draw.randrange(0, 1440, draw.choice([1, 15, 60])) for _ in range(2))
    if start == end:
        end += 1
    return now, clock(start), clock(end), name


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def weeks_of_change(zone: tzinfo) -> list:
    """The beginning of each week in which its clocks change."""
    weeks = [FIRST + timedelta(weeks=week) for week in range((LAST - FIRST).days // 7)]
    offsets = [week.astimezone(zone).utcoffset() for week in weeks]
    return [week for week, before, after in zip(weeks, offsets, offsets[1:], strict=False) if before != after]


def opening(now: datetime, start: str, end: str, zone: tzinfo) -> tuple:
    """The opening of a window that is open at an instant, or else the next one."""
    start, end = minutes(start), minutes(end)
    today = now.astimezone(zone).date()
    found = []
    for day in (today + timedelta(days=days) for days in range(-2, 5)):
        opens = instants(day, start, zone)[0]
        closes = instants(day + timedelta(days=end <= start), end, zone)[-1]
        if opens < closes and closes > now:
            found.append((opens, closes))
    return tuple(int(one.timestamp()) for one in min(found))


def minutes(clock: str) -> int:
    hour, minute = map(int, clock.split(":"))
    return hour * 60 + minute


def instants(day: date, minute: int, zone: tzinfo) -> list:
    """The instants at which the clocks of a zone show a time of a day; where they jump over it, the instant of the jump."""
    day, minute = day + timedelta(days=minute // 1440), minute % 1440
    local = datetime.combine(day, time(minute // 60, minute % 60), zone)
    both = [local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
    shown = [one for one in both if one.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)]
    if shown:
        return shown
    before, after = sorted(both)
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return [after.replace(microsecond=0)]
