"""Spans and moments of time as people write them."""

import re
from datetime import datetime, timezone

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(
    r"\s*(\d+(?:\.\d+)?)\s*(s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:ours?)?|d(?:ays?)?|w(?:eeks?)?)(?![a-z])"
)


def seconds_of(text) -> float:
    """`90`, `"45s"`, `"6h"`, `"30 minutes"`, `"1d 12h"` → seconds."""
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return float(text)
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not a span of time: write it as 45s, 30m, 6h, 2d or 1w")
    total, position = 0.0, 0
    stripped = text.rstrip()
    while position < len(stripped):
        part = _PART.match(stripped, position)
        if part is None:
            raise ValueError(f"{text!r} is not a span of time: write it as 45s, 30m, 6h, 2d or 1w")
        total += float(part[1]) * _UNITS[part[2][0]]
        position = part.end()
    if position == 0:
        raise ValueError("a span of time is empty: write it as 45s, 30m, 6h, 2d or 1w")
    return total


def moment_of(text) -> float:
    """An RFC 3339 time → seconds since 1970."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (AttributeError, TypeError, ValueError):
        raise ValueError(f"{text!r} is not a time: write it as 2026-11-01T02:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} lacks its offset from UTC: write it as 2026-11-01T02:00:00Z")
    return moment.timestamp()


def rfc3339(seconds: float) -> str:
    """Seconds since 1970 → RFC 3339 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
