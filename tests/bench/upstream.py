"""What the stub serves: five hundred base images on two architectures, region by region, and the table's items."""

import json
from pathlib import Path

from boto3.dynamodb.types import TypeSerializer

ROOT = Path(__file__).resolve().parents[2]
REGIONS = ["us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1"]
BASES, ARCHITECTURES = 500, ["x86_64", "arm64"]
OWNER = "137112412989"
_write = TypeSerializer().serialize


def catalogue() -> list:
    """Five hundred entries. Those that are built in give their names to the first, so that there are no others."""
    files = sorted((ROOT / "shared/domain/src/catalogue").glob("*.json"))
    built_in = [entry["name"] for file in files for entry in json.loads(file.read_text())]
    names = [*built_in, *(f"bench-{number:03}" for number in range(BASES - len(built_in)))]
    return [
        {
            "name": name,
            "title": f"Base image {name}",
            "aliases": [f"{name}-lts"],
            "owner": OWNER,
            "architectures": {one: one for one in ARCHITECTURES},
            "parameter": f"/aws/service/bench/{name}/latest/{{}}",
            "names": [f"bench/{name}-*-{{arch}}"],
            "ecosystem": "amazon-linux-2023",
            "changelog": f"https://docs.example.org/{name}/release-notes",
        }
        for name in names
    ]


def policy_item() -> dict:
    """The policy as the table has it; it has to fit into an item, which has 400 KB at most."""
    policy = {"pk": "POLICY", "sk": "CURRENT", "version": 1, "base_images": catalogue(), "watch_regions": REGIONS[1:]}
    item = {name: _write(value) for name, value in policy.items()}
    assert len(json.dumps(policy)) < 400_000, "no item"
    return item


class Upstream:
    """Which image each parameter names now."""

    def __init__(self):
        self._release = {
            (region, f"/aws/service/bench/{entry['name']}/latest/{architecture}"): (1, place, entry["name"], architecture)
            for region in REGIONS
            for place, entry in enumerate(catalogue())
            for architecture in ARCHITECTURES
        }
        self._names = {}
        for key in self._release:
            self._names[self._image(key)] = self._name(key)

    def _image(self, key) -> str:
        number, place, _, architecture = self._release[key]
        return f"ami-{REGIONS.index(key[0]):02x}{ARCHITECTURES.index(architecture):01x}{place:06x}{number:08x}"

    def _name(self, key) -> str:
        number, _, name, architecture = self._release[key]
        return f"bench/{name}-2026.{number:04}-{architecture}"

    def move(self, count: int) -> None:
        """The next release of so many base images, spread over the regions."""
        keys = list(self._release)
        for key in keys[:: len(keys) // count][:count]:
            number, *rest = self._release[key]
            self._release[key] = (number + 1, *rest)
            self._names[self._image(key)] = self._name(key)

    def value(self, region: str, parameter: str) -> str | None:
        key = (region, parameter)
        return self._image(key) if key in self._release else None

    def name(self, image: str) -> str | None:
        return self._names.get(image)
