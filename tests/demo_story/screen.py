"""What is printed: headings, lines, tables, letters. Colour on a terminal only."""

import os
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timedelta

WIDTH = 100
_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def paint(text: str, *how: str) -> str:
    if not how or not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\033[{';'.join(_COLOURS[one] for one in how)}m{text}\033[0m"


class _Printed:
    """What was printed last: an empty line? and when?"""

    empty = True
    at = time.monotonic()


def _print(line: str) -> None:
    """Prints a line at once; never two empty ones in a row."""
    line = line.rstrip()
    if line or not _Printed.empty:
        try:
            print(line, flush=True)
        except BrokenPipeError:  # nobody reads on, as after `make demo | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise KeyboardInterrupt from None
    _Printed.empty, _Printed.at = not line, time.monotonic()


def say(text: str = "", *how: str, indent: int = 3) -> None:
    """Prints lines, indented."""
    for line in text.split("\n"):
        _print(" " * indent + paint(line, *how) if line else "")


def heading(number: int, title: str, when: datetime | None = None, since: datetime | None = None) -> None:
    left = f"{number}. {title}"
    passed = since and when and when - since >= timedelta(minutes=1)
    right = "" if when is None else clock(when) + (f", {span(when - since)} later" if passed else "")
    line = "─" * max(2, WIDTH - len(left) - len(right) - 2)
    _print("")
    _print(f"{paint(left, 'bold')} {paint(line, 'dim')} {paint(right, 'cyan')}")
    _Printed.empty = True  # a heading needs none after it


def table(rows: list, heads: tuple = (), right: tuple = ()) -> None:
    """Aligned columns; those numbered in `right` stand to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in [*rows, *([heads] if heads else [])]) for at in range(len(rows[0]))]

    def line(row):
        cells = [
            cell.rjust(width) if at in right else cell.ljust(width) for at, (cell, width) in enumerate(zip(row, widths))
        ]
        return "  ".join(cells).rstrip()

    if heads:
        say(line(heads), "dim")
    for row in rows:
        say(line(row))


def letter(subject: str, body: str) -> None:
    """An e-mail, as it is read."""
    say(f"│ {paint('Subject: ' + subject, 'bold')}")
    say("│")
    for line in body.rstrip("\n").split("\n"):
        say(f"│ {line}")
    say()


def shell(command: str) -> None:
    say(f"$ {command}", "bold")


@contextmanager
def patience():
    """Says so when nothing has been printed for two seconds."""
    over = threading.Event()

    def tell():
        while not over.wait(0.2):
            if time.monotonic() - _Printed.at >= 2:
                say("… working", "dim")

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# -- words -------------------------------------------------------------------------------------------


def moment(text: str) -> datetime:
    """An instant as AWS and the product write it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def clock(when: datetime) -> str:
    return f"{when:%a %-d %b %Y %H:%M} UTC"


def time_of(when: datetime) -> str:
    return f"{when:%a %H:%M}"


def span(length: timedelta) -> str:
    """In the two largest units: `11 h 10 min`."""
    minutes = max(0, round(length.total_seconds() / 60))
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    units = [(days, "day" if days == 1 else "days"), (hours, "h"), (minutes, "min")]
    return " ".join([f"{count} {unit}" for count, unit in units if count][:2]) or "less than a minute"


def dollars(micro) -> str:
    return f"${int(micro) / 1_000_000:.2f}"


def plural(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
