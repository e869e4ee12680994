"""How the functions are built."""

import tomllib

from tests.infra.conftest import ROOT


def test_a_panic_is_one_failed_invocation_and_not_the_end_of_the_process():
    """cargo-lambda sets "abort" in a release profile that does not say."""
    assert tomllib.loads((ROOT / "Cargo.toml").read_text())["profile"]["release"]["panic"] == "unwind"
