"""What Amazon publishes: public parameters and public images, region by region.

The real ones of Amazon Linux and ECS, from the data that moto bundles, loaded when a region is first asked
for; and those that a test publishes. An image that a parameter names is there, even if moto lists none.
"""

import gzip
import json
import random
import re
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

from tests.local_aws import control
from tests.local_aws.durations import moment_of, rfc3339

# Canonical's images are Amazon's too, in DescribeImages.
_AMAZONS = {"137112412989", "591542846629", "801119661308", "602401143452", "898082745236", "099720109477"}
# Whose root volumes are /dev/sda1: Canonical, Windows, Red Hat, Rocky Linux, SUSE.
_SDA1 = {"099720109477", "801119661308", "309956199498", "792107900819", "013907871322"}
_lock = threading.RLock()
_parameters = {}  # region -> {name: record as GetParameter answers it}
_images = {}  # region -> {image id: image}


def parameters(region: str) -> dict:
    with _lock:
        if region not in _parameters:
            _parameters[region] = _amazon_linux(region) | _ecs(region)
        return _parameters[region]


def images(region: str) -> dict:
    with _lock:
        if region not in _images:
            _images[region] = found = {}
            for file in ("ec2/resources/latest_amis", "ec2/resources/ecs/optimized_amis"):
                for one in _bundled(f"{file}/{region}.json.gz", []):
                    found[one["ami_id"]] = _image(
                        one["ami_id"],
                        one["owner_id"],
                        one["name"],
                        one["architecture"],
                        one["description"],
                        one.get("platform"),
                        one["root_device_name"],
                    )
            for parameter in parameters(region).values():
                _have_image(region, parameter)
        return _images[region]


def names(region: str) -> dict:
    """By image id, the first of the parameters that name it."""
    found = {}
    for name in sorted(parameters(region), reverse=True):
        found[parameters(region)[name]["Value"]] = name
    return found


def publish(region: str, name: str, value: str) -> dict:
    """A public parameter's next version; that it names an image makes none."""
    with _lock:
        images(region)
        known = parameters(region)
        version = known[name]["Version"] + 1 if name in known else 1
        known[name] = _parameter(region, name, value, version, time.time())
        return known[name]


def take_back(region: str, name: str) -> None:
    """A public parameter is gone; the image that it names stays."""
    images(region)
    parameters(region).pop(name)


def register(
    region: str,
    owner: str,
    name: str,
    created: float,
    architecture: str,
    deprecated: float | None,
    root_volume_gb: int | None,
) -> str:
    """A new public image; once it is deprecated, listings leave it out."""
    with _lock:
        image_id = "ami-" + "".join(random.choices("0123456789abcdef", k=17))
        root = "/dev/sda1" if owner in _SDA1 or "(Ubuntu" in name else "/dev/xvda"
        platform = "windows" if name.startswith("Windows_Server-") else None
        image = _image(image_id, owner, name, architecture, name, platform, root)
        image["CreationDate"] = rfc3339(created)
        if deprecated is not None:
            image["DeprecationTime"] = rfc3339(deprecated)
        if root_volume_gb is not None:
            disk = {"VolumeSize": str(root_volume_gb), "VolumeType": "gp3", "DeleteOnTermination": "true"}
            image["BlockDeviceMappings"] = [{"DeviceName": root, "Ebs": disk}]
        images(region)[image_id] = image
        return image_id


def withdraw(region: str, image_id: str) -> None:
    images(region).pop(image_id)


def _bundled(path: str, default):
    import moto

    file = Path(moto.__file__).parent / path
    return json.loads(gzip.decompress(file.read_bytes())) if file.exists() else default


def _amazon_linux(region: str) -> dict:
    return {one["Name"]: one for one in _bundled(f"ssm/resources/ami-amazon-linux-latest/{region}.json.gz", [])}


def _ecs(region: str) -> dict:
    """moto keeps them as a tree: a node with the member `Value` is a parameter."""
    found = {}

    def walk(node, name):
        for key, child in node.items():
            if key == "Value":
                value = child if isinstance(child, str) else json.dumps(child, separators=(",", ":"))
                found[name] = _parameter(region, name, value, 1, _dated(value) or 1767225600)
            elif isinstance(child, dict):
                walk(child, f"{name}/{key}")

    walk(_bundled(f"ssm/resources/ecs/optimized_amis/{region}.json.gz", {}), "")
    return found


def _parameter(region: str, name: str, value: str, version: int, modified: float) -> dict:
    return {
        "ARN": f"arn:aws:ssm:{region}::parameter{name}",
        "DataType": "text",
        "LastModifiedDate": modified,
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": version,
    }


def _image(image_id, owner, name, architecture, description, platform, root) -> dict:
    return {
        "ImageId": image_id,
        "Name": name,
        "OwnerId": owner,
        "ImageOwnerAlias": "amazon" if owner in _AMAZONS else None,
        "Architecture": architecture,
        "Description": description,
        "Platform": platform or "",
        "Public": True,
        "RootDeviceName": root,
        "CreationDate": rfc3339(_dated(name) or 1767225600),
    }


def _have_image(region: str, parameter: dict) -> None:
    """An image for a parameter that names one which isn't listed."""
    image_id, name = parameter["Value"], parameter["Name"]
    if not re.fullmatch(r"ami-[0-9a-f]{8,17}", image_id) or image_id in _images[region]:
        return
    owner = "591542846629" if "/ecs/" in name else "137112412989"
    when = datetime.fromtimestamp(parameter["LastModifiedDate"], timezone.utc)
    architecture = "arm64" if "arm64" in name else "x86_64"
    image = _image(image_id, owner, f"{name.split('/')[-1]}-{when:%Y%m%d}", architecture, name, None, "/dev/xvda")
    image["CreationDate"] = rfc3339(parameter["LastModifiedDate"])
    _images[region][image_id] = image


def _dated(text: str) -> float | None:
    """The day that a release's name holds, such as 20260930 or 2026.09.30."""
    day = r"(20[12]\d){0}(0[1-9]|1[0-2]){0}(0[1-9]|[12]\d|3[01])(?!\d)"
    found = re.search(day.format(""), text) or re.search(day.format(r"\."), text)
    return datetime(*map(int, found.groups()), 12, tzinfo=timezone.utc).timestamp() if found else None


@control.route("POST", "public-parameters")
def _publish(body):
    region, name, value = control.fields(body, "region", "name", "value")
    if not name.startswith("/aws/service/"):
        raise control.BadInput(f"name {name!r} is not a public parameter's: those begin with /aws/service/")
    return {"region": region, "name": name, "value": value, "version": publish(region, name, value)["Version"]}


@control.route("POST", "public-parameters/withdraw")
def _take_back(body):
    region, name = control.fields(body, "region", "name")
    if name not in parameters(region):
        raise control.BadInput(f"{name} is not a public parameter of {region}")
    take_back(region, name)
    return {}


@control.route("POST", "images")
def _register(body):
    region, owner, name, created, architecture, deprecated, root_volume_gb = control.fields(
        body,
        "region",
        "owner",
        "name",
        creation_date=None,
        architecture="x86_64",
        deprecation_time=None,
        root_volume_gb=None,
    )
    if architecture not in ("x86_64", "arm64"):
        raise control.BadInput(f"architecture {architecture!r} is neither x86_64 nor arm64")
    if not re.fullmatch(r"\d{12}", owner):
        raise control.BadInput(f"owner {owner!r} is not an account's 12 digits")
    moment = time.time() if created is None else moment_of(created)
    deprecation = None if deprecated is None else moment_of(deprecated)
    return {"image_id": register(region, owner, name, moment, architecture, deprecation, root_volume_gb)}


@control.route("POST", "images/withdraw")
def _withdraw(body):
    region, image_id = control.fields(body, "region", "image_id")
    if image_id not in images(region):
        raise control.BadInput(f"{image_id} is not a public image of {region}")
    withdraw(region, image_id)
    return {}
