"""Takes each guard of the source away, one at a time, and expects a test to fail: `make guards`.

`guards.toml` lists them: what a guard is for, the text that is it, what stands there without it, and the test that must
then fail. It is done in a copy of the tree, `target/guards`, so nothing here is touched.
"""

import argparse
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "target/guards"
LIST = Path(__file__).with_name("guards.toml")


@dataclass(frozen=True)
class Guard:
    """A piece of source without which something bad may happen."""

    what: str
    file: str
    text: str
    instead: str
    test: str


def guards() -> list:
    return [Guard(**one) for one in tomllib.loads(LIST.read_text())["guard"]]


def taken_away(guard: Guard, source: str) -> str:
    """The source without the guard; its text has to stand there once."""
    count = source.count(guard.text)
    if count != 1:
        raise ValueError(f"{guard.file} has the text of the guard {count} times: {guard.what}")
    return source.replace(guard.text, guard.instead)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.storm.guards", description=__doc__)
    parser.add_argument("words", nargs="*", help="only guards that have one of these in their sentence, file or test")
    words = parser.parse_args().words
    wanted = [one for one in guards() if not words or any(word in f"{one.what} {one.file} {one.test}" for word in words)]
    bad = 0
    for guard in wanted:
        verdict = _tried(guard)
        bad += verdict != "fails"
        print(f"| {guard.what} | `{guard.file}` | `{guard.test}` | {verdict} |", flush=True)
    print(f"{len(wanted)} guards; without {len(wanted) - bad} of them a test fails")
    return 1 if bad or not wanted else 0


def _tried(guard: Guard) -> str:
    """What the test comes to without the guard: it should be `fails`."""
    _copy_tree()
    file = TREE / guard.file
    file.write_text(taken_away(guard, file.read_text()))
    try:
        return _cargo(guard.test) if guard.test.startswith("cargo test ") else _pytest(guard.test)
    finally:
        shutil.copy(ROOT / guard.file, file)


def _copy_tree() -> None:
    """Brings the copy up to date. What has not changed keeps its time, so that little is compiled."""
    TREE.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        here, there = ROOT / name, TREE / name
        if here.is_file() and not (there.is_file() and there.read_bytes() == here.read_bytes()):
            there.parent.mkdir(parents=True, exist_ok=True)
            # With its time: make would otherwise install again what stands in requirements.txt.
            shutil.copy2(here, there)
    if not (TREE / ".venv").exists():
        (TREE / ".venv").symlink_to(ROOT / ".venv")
    if not (TREE / "target").exists():
        (TREE / "target").mkdir()
        if (ROOT / "target/debug").exists():
            shutil.copytree(ROOT / "target/debug", TREE / "target/debug", symlinks=True)


def _cargo(test: str) -> str:
    command = test.split()
    if _run([*command[:2], "--no-run", *command[2:]]).returncode:
        return "does not build"
    ran = _run(command)
    if ran.returncode:
        return "fails"
    return "passes" if any(f"running {count} test" in ran.stdout for count in range(1, 1000)) else "there is no such test"


def _pytest(test: str) -> str:
    if not test.startswith("tests/infra") and _run(["make", "build"]).returncode:
        return "does not build"
    ran = _run([".venv/bin/python", "-m", "pytest", "-q", "-x", test])
    return {0: "passes", 1: "fails"}.get(ran.returncode, "there is no such test")


def _run(command: list) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=TREE, capture_output=True, text=True)


if __name__ == "__main__":
    sys.exit(main())
