"""The base images that are watched, and their vendors' releases by name and date."""

import json
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = [
    entry
    for file in sorted((ROOT / "shared/domain/src/catalogue").glob("*.json"))
    for entry in json.loads(file.read_text())
]

# How the vendor names a release of that day: `{day}` is 20261101, `{dotted}` 2026.11.01.
_NAMES = {
    "amazon-linux-2023": "al2023-ami-2023.9.{day}.0-kernel-6.12-{amazon}",
    "amazon-linux-2023-minimal": "al2023-ami-minimal-2023.9.{day}.0-kernel-6.12-{amazon}",
    "amazon-linux-2": "amzn2-ami-kernel-5.10-hvm-2.0.{day}.0-{amazon}-gp2",
    "ubuntu-20.04": "ubuntu/images/hvm-ssd/ubuntu-focal-20.04-{debian}-server-{day}",
    "ubuntu-22.04": "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-{debian}-server-{day}",
    "ubuntu-24.04": "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{debian}-server-{day}",
    "debian-12": "debian-12-{debian}-{day}-2290",
    "debian-13": "debian-13-{debian}-{day}-2290",
}


@dataclass(frozen=True)
class Base:
    """A base image on one architecture."""

    name: str
    architecture: str
    owner: str
    parameter: str

    @property
    def partition(self) -> str:
        return f"BASE#{self.name}#{self.architecture}"

    @property
    def tracked(self) -> tuple:
        """The key of what it is now, in the stack's region."""
        return "TRACKED#us-east-1", f"{self.name}#{self.architecture}"

    def release(self, day: str) -> str:
        """What its vendor calls the release of a day such as 2026-11-01."""
        debian = {"x86_64": "amd64", "arm64": "arm64"}[self.architecture]
        return _NAMES[self.name].format(day=day.replace("-", ""), amazon=self.architecture, debian=debian)


def every() -> list:
    """All of them, those first whose parameters nobody has published yet."""
    found = [
        Base(entry["name"], architecture, entry["owner"], entry["parameter"].replace("{}", entry["architectures"][architecture]))
        for architecture in ("x86_64", "arm64")
        for entry in CATALOGUE
        if entry["name"] in _NAMES and architecture in entry["architectures"]
    ]
    return sorted(found, key=lambda base: base.name.startswith("amazon"))
