import os
import stat
import sys
from pathlib import Path

import pytest

from tests.local_aws import LocalAws

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def aws(tmp_path_factory):
    """One emulator for all tests: they don't share names."""
    folder = tmp_path_factory.mktemp("local-aws")
    bootstrap = folder / "functions/worker/bootstrap"
    bootstrap.parent.mkdir(parents=True)
    bootstrap.write_text(f"#!{sys.executable}\n" + (HERE / "runtime.py").read_text())
    os.chmod(bootstrap, stat.S_IRWXU)
    with LocalAws.start(folder / "state", HERE / "template.yaml", folder / "functions") as started:
        yield started
