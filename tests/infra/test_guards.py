"""The guards that `make guards` takes away stand where its list says, and the tests that must then fail exist."""

import functools
import re

import pytest

from tests.storm.guards import ROOT, guards, taken_away


@functools.cache
def crates() -> dict:
    """Every crate's source, and its folder's names, by the crate's name."""
    found = {}
    for manifest in ROOT.glob("[cfs]*/**/Cargo.toml"):
        name = re.search(r'^name = "([^"]+)"', manifest.read_text(), re.MULTILINE)
        files = [file for part in ("src", "tests") for file in (manifest.parent / part).rglob("*.rs")]
        found[name and name[1]] = "\n".join(f"mod {file.stem}\n{file.read_text()}" for file in files)
    return found


@pytest.mark.parametrize("guard", guards(), ids=lambda guard: guard.what)
def test_a_guard_stands_where_the_list_says_and_has_a_test(guard):
    assert taken_away(guard, (ROOT / guard.file).read_text())
    words = guard.test.split()
    if words[:2] == ["cargo", "test"]:
        name = words[-1].removesuffix("::").rpartition("::")[2]
        # All tests of a module or of a file, or one by its name, of which the beginning is enough.
        is_module = words[-1].endswith("::") or words[-2] == "--test"
        pattern = rf"\bmod {name}\b" if is_module else rf"\bfn {name}\w*\("
        assert re.search(pattern, crates()[words[words.index("-p") + 1]]), guard.test
    else:
        file, _, name = guard.test.partition("::")
        name = name or r"test_\w+"
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), guard.test
