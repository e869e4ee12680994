import os
import stat
import sys
from pathlib import Path

import pytest

from tests.local_aws import LocalAws

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def functions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functions")
    bootstrap = folder / "worker/bootstrap"
    bootstrap.parent.mkdir()
    bootstrap.write_text(f"#!{sys.executable}\n" + (HERE / "runtime.py").read_text())
    os.chmod(bootstrap, stat.S_IRWXU)
    return folder


@pytest.fixture(scope="session")
def aws(tmp_path_factory, functions):
    """One emulator for all tests: they don't share names."""
    with LocalAws.start(tmp_path_factory.mktemp("local-aws"), HERE / "template.yaml", functions) as started:
        yield started


@pytest.fixture(scope="session")
def guarded(tmp_path_factory, functions):
    """One that enforces roles."""
    with LocalAws.start(tmp_path_factory.mktemp("guarded"), HERE / "template.yaml", functions, auth=True) as started:
        yield started
