"""docs/SECURITY.md names the test that shows each thing that it says: every one of them exists."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/SECURITY.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w./-]+\.(?:py|rs))::(\w+)`", PAGE)))


def test_every_test_that_the_page_names_exists():
    missing = [f"{file}::{name}" for file, name in NAMED if not _has(ROOT / file, name)]
    assert NAMED and not missing, missing


def test_every_row_that_says_what_stops_somebody_names_a_test():
    tables = [table for table in PAGE.split("\n\n") if "| Shown by |" in table]
    silent = [row for table in tables for row in table.splitlines()[2:] if "::" not in row]
    assert tables and not silent, silent


def _has(file: Path, name: str) -> bool:
    definition = rf"\bdef {name}\b" if file.suffix == ".py" else rf"\bfn {name}\b"
    return file.is_file() and re.search(definition, file.read_text()) is not None
