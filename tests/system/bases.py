"""The base images that are watched, and their vendors' releases by name and date."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = [
    entry
    for file in sorted((ROOT / "shared/domain/src/catalogue").glob("*.json"))
    for entry in json.loads(file.read_text())
]

# How the vendor names a release of that day: `{day}` is 20261101, `{dotted}` 2026.11.01, `{arch}` EC2's word for the
# architecture and `{word}` the vendor's.
_UBUNTU = {"20.04": ("focal", ""), "22.04": ("jammy", ""), "24.04": ("noble", "-gp3"), "26.04": ("resolute", "-gp3")}
_DEEP_LEARNING = "Deep Learning {word}Base OSS Nvidia Driver GPU AMI ({system}) {day}"
_NAMES = {
    "amazon-linux-2023": "al2023-ami-2023.9.{day}.0-kernel-6.12-{arch}",
    "amazon-linux-2023-minimal": "al2023-ami-minimal-2023.9.{day}.0-kernel-6.12-{arch}",
    "amazon-linux-2": "amzn2-ami-kernel-5.10-hvm-2.0.{day}.0-{arch}-gp2",
    "amazon-linux-2-minimal": "amzn2-ami-minimal-kernel-5.10-hvm-2.0.{day}.0-{arch}-gp2",
    "amazon-linux-2-kernel-4.14": "amzn2-ami-hvm-2.0.{day}.0-{arch}-gp2",
    "amazon-linux-2-kernel-5.10": "amzn2-ami-kernel-5.10-hvm-2.0.{day}.0-{arch}-gp2",
    "ecs-amazon-linux-2023": "al2023-ami-ecs-hvm-2023.0.{day}-kernel-6.1-{arch}",
    "ecs-amazon-linux-2023-gpu": "al2023-ami-ecs-gpu-hvm-2023.0.{day}-kernel-6.1-{arch}-ebs",
    "ecs-amazon-linux-2": "amzn2-ami-ecs-hvm-2.0.{day}-{arch}-ebs",
    "ecs-amazon-linux-2-gpu": "amzn2-ami-ecs-gpu-hvm-2.0.{day}-{arch}-ebs",
    "ecs-amazon-linux-2-kernel-5.10": "amzn2-ami-ecs-kernel-5.10-hvm-2.0.{day}-{arch}-ebs",
    "bottlerocket-ecs-2": "bottlerocket-aws-ecs-2-{word}-v1.60.0-{day}",
    "sles-15": "suse-sles-15-sp7-v{day}-hvm-ssd-{word}",
    "sles-16": "suse-sles-16-0-v{day}-hvm-ssd-{word}",
    "deep-learning-base-amazon-linux-2023": _DEEP_LEARNING.replace("{system}", "Amazon Linux 2023"),
}
for kernel in ("6.1", "6.12", "6.18"):
    _NAMES[f"amazon-linux-2023-kernel-{kernel}"] = f"al2023-ami-2023.9.{{day}}.0-kernel-{kernel}-{{arch}}"
for release, (code, disk) in _UBUNTU.items():
    named = f"images/hvm-ssd{disk}/ubuntu-{code}-{release}-{{word}}"
    _NAMES[f"ubuntu-{release}"] = f"ubuntu/{named}-server-{{day}}"
    _NAMES[f"ubuntu-{release}-minimal"] = f"ubuntu-minimal/{named}-minimal-{{day}}"
    _NAMES[f"deep-learning-base-ubuntu-{release}"] = _DEEP_LEARNING.replace("{system}", f"Ubuntu {release}")
for release in ("12", "13"):
    _NAMES[f"debian-{release}"] = f"debian-{release}-{{word}}-{{day}}-2290"
for release in ("8", "9", "10"):
    _NAMES[f"rocky-{release}"] = f"Rocky-{release}-EC2-Base-{release}.1-{{day}}.0.{{word}}"
    _NAMES[f"rhel-{release}"] = f"RHEL-{release}.1.0_HVM-{{day}}-{{word}}-0-Hourly2-GP3"
for release in ("2019", "2022", "2025"):
    _NAMES[f"windows-{release}"] = f"Windows_Server-{release}-English-Full-Base-{{dotted}}"
    _NAMES[f"windows-{release}-core"] = f"Windows_Server-{release}-English-Core-Base-{{dotted}}"
for version in ("1.32", "1.33", "1.34", "1.35", "1.36"):
    _NAMES[f"eks-{version}-amazon-linux-2023"] = f"amazon-eks-node-al2023-{{word}}-standard-{version}-v{{day}}"
    _NAMES[f"bottlerocket-k8s-{version}"] = f"bottlerocket-aws-k8s-{version}-{{word}}-v1.60.0-{{day}}"

# On these no template can be built.
_WATCHED_ONLY = ("bottlerocket", "sles", "windows")


@dataclass(frozen=True)
class Base:
    """A base image on one architecture."""

    name: str
    architecture: str
    word: str
    owner: str
    parameter: str | None

    @property
    def partition(self) -> str:
        return f"BASE#{self.name}#{self.architecture}"

    @property
    def tracked(self) -> tuple:
        """The key of what it is now, in the stack's region."""
        return "TRACKED#us-east-1", f"{self.name}#{self.architecture}"

    def release(self, day: str) -> str:
        """What its vendor calls the release of a day such as 2026-11-01."""
        return _NAMES[self.name].format(
            day=day.replace("-", ""), dotted=day.replace("-", "."), arch=self.architecture, word=self.word
        )


def _filled(text: str, word: str, architecture: str) -> str:
    return text.replace("{}", word).replace("{arch}", architecture)


ALL = [
    Base(
        entry["name"],
        architecture,
        entry["architectures"][architecture],
        entry["owner"],
        entry.get("parameter") and _filled(entry["parameter"], entry["architectures"][architecture], architecture),
    )
    for architecture in ("x86_64", "arm64")
    for entry in CATALOGUE
    if architecture in entry["architectures"]
]


def named(name: str, architecture: str = "x86_64") -> Base:
    """The one of this name, whether or not a template can be built on it or a parameter names it."""
    return next(base for base in ALL if (base.name, base.architecture) == (name, architecture))


def is_of(base: Base, name: str) -> bool:
    """Whether the catalogue takes an image of this name for the base image."""
    entry = next(one for one in CATALOGUE if one["name"] == base.name)

    def fits(pattern):
        filled = re.escape(_filled(pattern, base.word, base.architecture))
        return re.fullmatch(filled.replace(r"\*", ".*").replace(r"\?", "."), name)

    return any(map(fits, entry["names"])) and not any(map(fits, entry.get("except", [])))


def every() -> list:
    """All on which a template can be built, that a parameter names and that there are for both architectures; those
    first whose parameters nobody has published yet."""
    both = {base.name for base in ALL if base.architecture == "arm64"}
    found = [base for base in ALL if base.parameter and base.name in both and not base.name.startswith(_WATCHED_ONLY)]
    return sorted(found, key=lambda base: base.name.startswith(("amazon", "ecs")))
