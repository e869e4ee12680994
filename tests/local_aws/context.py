"""What the patches share: the clock, the folder of this emulator, and its address.

Filled in once, by the server, before any patch is applied.
"""

from pathlib import Path

clock = None
state_dir = Path(".")
endpoint = ""


def faults_dir() -> Path:
    folder = state_dir / "faults"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def logs_dir() -> Path:
    folder = state_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
