"""Images of EC2 as DescribeImages tells them: dates, states, public ones, snapshots, and what is not found.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeregisterImage.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableImageDeprecation.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html

A snapshot of an AMI that has just been deregistered is in use for a while: here, once.
https://github.com/boto/boto/issues/3019
"""

import functools
import random
import re
import time
from xml.sax.saxutils import escape

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from tests.local_aws import public
from tests.local_aws.durations import moment_of, rfc3339
from tests.local_aws.patches.source import replace


def find(image_id: str, region: str | None = None) -> dict | None:
    """An image that this account may see: its own or a public one."""
    region = region or get_region()
    own = ec2._images.get_scoped(get_account_id(), region, image_id)
    return own or public.images(region).get(image_id)


def visible(region: str) -> list:
    own = [
        image
        for (account, place, _), image in ec2._images.all_items()
        if place == region and (account == get_account_id() or image.get("Public"))
    ]
    return own + list(public.images(region).values())


def create(region: str, name: str, like: dict, *, description="", tags=None, snapshot_tags=None, encrypted=True) -> str:
    """An EBS image of this account with its snapshot; raises ValueError when the name is taken."""
    account = get_account_id()
    if any(
        one["Name"] == name for (owner, place, _), one in ec2._images.all_items() if (owner, place) == (account, region)
    ):
        raise ValueError(f"AMI name {name} is already in use by AMI")
    image_id, snapshot_id = _new_id("ami"), _new_id("snap")
    ec2._snapshots.set_scoped(
        account,
        region,
        snapshot_id,
        {
            "SnapshotId": snapshot_id,
            "VolumeId": "vol-ffffffff",
            "VolumeSize": 8,
            "State": "completed",
            "Description": f"Created by CreateImage(i-0123456789abcdef0) for {image_id}",
            "StartTime": ec2._now_ts(),
            "Progress": "100%",
            "OwnerId": account,
            "Encrypted": encrypted,
            "StorageTier": "standard",
        },
    )
    root = like.get("RootDeviceName", "/dev/xvda")
    ec2._images.set_scoped(
        account,
        region,
        image_id,
        {
            "ImageId": image_id,
            "Name": name,
            "Description": description,
            "OwnerId": account,
            "Architecture": like.get("Architecture", "x86_64"),
            "Platform": like.get("Platform", ""),
            "RootDeviceName": root,
            "RootDeviceType": "ebs",
            "VirtualizationType": "hvm",
            "CreationDate": rfc3339(time.time()),
            "SourceImageId": like.get("ImageId"),
            "ImageLocation": "",
            "BlockDeviceMappings": [
                {
                    "DeviceName": root,
                    "Ebs": {
                        "SnapshotId": snapshot_id,
                        "VolumeSize": "8",
                        "VolumeType": "gp3",
                        "DeleteOnTermination": "true",
                        "Encrypted": "true" if encrypted else "false",
                    },
                }
            ],
        },
    )
    set_tags(image_id, tags or {}, region)
    set_tags(snapshot_id, snapshot_tags or {}, region)
    return image_id


def set_tags(resource_id: str, tags: dict, region: str) -> None:
    store = ec2._tags
    kept = {tag["Key"]: tag for tag in store.get_scoped(get_account_id(), region, resource_id, [])}
    kept.update({key: {"Key": key, "Value": value} for key, value in tags.items()})
    if kept:
        store.set_scoped(get_account_id(), region, resource_id, list(kept.values()))


def _new_id(kind: str) -> str:
    return f"{kind}-" + "".join(random.choices("0123456789abcdef", k=17))


def _tags_of(image: dict) -> list:
    return ec2._tags.get(image["ImageId"], [])


def _deprecated(image: dict) -> bool:
    return bool(image.get("DeprecationTime")) and moment_of(image["DeprecationTime"]) <= time.time()


_FILTERS = {
    "image-id": "ImageId",
    "name": "Name",
    "description": "Description",
    "owner-id": "OwnerId",
    "owner-alias": "ImageOwnerAlias",
    "architecture": "Architecture",
    "platform": "Platform",
    "root-device-name": "RootDeviceName",
    "creation-date": "CreationDate",
    "source-image-id": "SourceImageId",
}
_SAME_FOR_ALL = {
    "state": "available",
    "root-device-type": "ebs",
    "virtualization-type": "hvm",
    "image-type": "machine",
    "hypervisor": "xen",
    "ena-support": "true",
}


def _values(image: dict, name: str) -> list:
    """What of an image a filter of this name looks at."""
    if name in _FILTERS:
        return [image.get(_FILTERS[name]) or ""]
    if name in _SAME_FOR_ALL:
        return [_SAME_FOR_ALL[name]]
    if name == "is-public":
        return ["true" if image.get("Public") else "false"]
    if name == "tag-key":
        return [tag["Key"] for tag in _tags_of(image)]
    if name.startswith("tag:"):
        return [tag["Value"] for tag in _tags_of(image) if tag["Key"] == name[4:]]
    if name == "block-device-mapping.snapshot-id":
        return [
            one["Ebs"]["SnapshotId"]
            for one in image.get("BlockDeviceMappings", [])
            if "SnapshotId" in one.get("Ebs", {})
        ]
    raise LookupError(name)


@functools.cache
def _pattern(value: str) -> re.Pattern:
    """`*` stands for any characters, `?` for one or none, and a backslash takes the meaning from either."""
    meanings = {"*": ".*", "?": ".?"}
    parts = re.findall(r"\\.|.", value, re.DOTALL)
    return re.compile("".join(meanings.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL)


def _owned(image: dict, owners: list) -> bool:
    return any(
        owner in (image["OwnerId"], image.get("ImageOwnerAlias"))
        or (owner == "self" and image["OwnerId"] == get_account_id())
        for owner in owners
    )


def _describe(p):
    ids, owners = ec2._parse_member_list(p, "ImageId"), ec2._parse_member_list(p, "Owner")
    filters = ec2._parse_filters(p)
    found = visible(get_region())
    if ids:
        missing = sorted(set(ids) - {image["ImageId"] for image in found})
        if missing:
            return _not_found(*missing)
        found = [image for image in found if image["ImageId"] in ids]
    elif ec2._p(p, "IncludeDeprecated") != "true":
        found = [image for image in found if not _deprecated(image) or image["OwnerId"] == get_account_id()]
    if owners:
        found = [image for image in found if _owned(image, owners)]
    if ec2._parse_member_list(p, "ExecutableBy"):
        found = [image for image in found if image.get("Public")]
    for name, values in filters.items():
        if len(values) > 200:
            return ec2._error("FilterLimitExceeded", "The maximum number of filter values on a call is 200", 400)
        patterns = [_pattern(value) for value in values]
        try:
            found = [
                one
                for one in found
                if any(pattern.fullmatch(value) for value in _values(one, name) for pattern in patterns)
            ]
        except LookupError:
            return ec2._error("InvalidParameterValue", f"The filter '{name}' is invalid", 400)
    start = int(ec2._p(p, "NextToken") or 0)
    size = int(ec2._p(p, "MaxResults") or 0) or len(found) or 1
    named = public.names(get_region())
    items = "".join(_item(image, named.get(image["ImageId"])) for image in found[start : start + size])
    more = f"<nextToken>{start + size}</nextToken>" if start + size < len(found) else ""
    return ec2._xml(200, "DescribeImagesResponse", f"<imagesSet>{items}</imagesSet>{more}")


def _item(image: dict, parameter: str | None) -> str:
    def element(name, value):
        return f"<{name}>{escape(str(value))}</{name}>" if value not in (None, "") else ""

    owner = image["OwnerId"]
    tags = "".join(
        f"<item>{element('key', tag['Key'])}<value>{escape(tag.get('Value', ''))}</value></item>"
        for tag in _tags_of(image)
    )
    simple = {
        "imageId": image["ImageId"],
        "imageLocation": f"{image.get('ImageOwnerAlias') or owner}/{image['Name']}",
        "imageState": "available",
        "imageOwnerId": owner,
        "imageOwnerAlias": image.get("ImageOwnerAlias"),
        "isPublic": "true" if image.get("Public") else "false",
        "architecture": image["Architecture"],
        "imageType": "machine",
        "name": image["Name"],
        "description": image.get("Description"),
        "platform": image.get("Platform"),
        "platformDetails": "Windows" if image.get("Platform") else "Linux/UNIX",
        "creationDate": image["CreationDate"],
        "deprecationTime": image.get("DeprecationTime"),
        "sourceImageId": image.get("SourceImageId"),
        "publicSsmParameterName": parameter if image.get("Public") else None,
        "rootDeviceType": "ebs",
        "rootDeviceName": image["RootDeviceName"],
        "virtualizationType": "hvm",
        "hypervisor": "xen",
        "enaSupport": "true",
    }
    mappings = ec2._image_bdm_xml(
        {
            "RootDeviceType": "ebs",
            "RootDeviceName": image["RootDeviceName"],
            "BlockDeviceMappings": image.get("BlockDeviceMappings") or [],
        }
    )
    body = "".join(element(name, value) for name, value in simple.items())
    return f"<item>{body}{mappings}{f'<tagSet>{tags}</tagSet>' if tags else ''}{more_of(image['ImageId'])}</item>"


def more_of(image_id: str) -> str:
    """What else is told of an image: whoever knows more of images takes this one's place."""
    return ""


def _not_found(*image_ids):
    many = len(image_ids) > 1
    return ec2._error(
        "InvalidAMIID.NotFound",
        f"The image id{'s' if many else ''} '[{', '.join(image_ids)}]' do{'' if many else 'es'} not exist",
        400,
    )


def _copy(p):
    source_region, source_id = ec2._p(p, "SourceRegion"), ec2._p(p, "SourceImageId")
    source = find(source_id, source_region)
    if source is None:
        return _not_found(source_id)
    tags = {}
    if ec2._p(p, "CopyImageTags") == "true":
        tags = {
            tag["Key"]: tag["Value"] for tag in ec2._tags.get_scoped(get_account_id(), source_region, source_id, [])
        }
    try:
        image_id = create(
            get_region(),
            ec2._p(p, "Name"),
            source,
            description=ec2._p(p, "Description"),
            tags=tags,
            encrypted=ec2._p(p, "Encrypted") == "true",
        )
    except ValueError as taken:
        return ec2._error("InvalidAMIName.Duplicate", str(taken), 400)
    ec2._parse_tag_specs(p, "image", image_id)
    return ec2._xml(200, "CopyImageResponse", f"<imageId>{image_id}</imageId>")


def _deprecation(enable: bool):
    action = f"{'Enable' if enable else 'Disable'}ImageDeprecation"

    def act(p):
        image = ec2._images.get(ec2._p(p, "ImageId"))
        if image is None:
            return _not_found(ec2._p(p, "ImageId"))
        if enable:
            image["DeprecationTime"] = rfc3339(moment_of(ec2._p(p, "DeprecateAt")))
        else:
            image.pop("DeprecationTime", None)
        return ec2._xml(200, f"{action}Response", "<return>true</return>")

    return action, act


_just_released = {}  # snapshot -> the AMI that EC2 says once more to be using it


def _deregister(p):
    """Optionally with the snapshots that belong to no other image."""
    image = ec2._images.get(ec2._p(p, "ImageId"))
    answer = _deregister.original(p)
    if image is None or answer[0] != 200:
        return answer
    for mapping in image.get("BlockDeviceMappings", []):
        snapshot = mapping.get("Ebs", {}).get("SnapshotId")
        if not snapshot or image_using(snapshot):
            continue
        if ec2._p(p, "DeleteAssociatedSnapshots") == "true":
            ec2._snapshots.pop(snapshot, None)
            ec2._tags.pop(snapshot, None)
        else:
            _just_released[snapshot] = image["ImageId"]
    return answer


def image_using(snapshot_id: str) -> str | None:
    for image in ec2._images.values():
        if any(one.get("Ebs", {}).get("SnapshotId") == snapshot_id for one in image.get("BlockDeviceMappings", [])):
            return image["ImageId"]
    return None


def _delete_snapshot(p):
    used_by = image_using(ec2._p(p, "SnapshotId")) or _just_released.pop(ec2._p(p, "SnapshotId"), None)
    if used_by:
        return ec2._error(
            "InvalidSnapshot.InUse", f"The snapshot {ec2._p(p, 'SnapshotId')} is currently in use by {used_by}", 400
        )
    answer = _delete_snapshot.original(p)
    if answer[0] == 200:
        ec2._tags.pop(ec2._p(p, "SnapshotId"), None)
    return answer


def install() -> None:
    for action, name, digest, ours in (
        ("DescribeImages", "_describe_images", "d4680f8d221e", _describe),
        ("DeregisterImage", "_deregister_image", "4e8807677cf8", _deregister),
        ("DeleteSnapshot", "_delete_snapshot", "e992dd647676", _delete_snapshot),
    ):
        ec2._ACTION_MAP[action] = replace(ec2, name, digest)(ours)
    ec2._ACTION_MAP.setdefault("CopyImage", _copy)
    for action, act in (_deprecation(True), _deprecation(False)):
        ec2._ACTION_MAP.setdefault(action, act)
    # RunInstances of an EBS image needs no container: it stays metadata, as with MiniStack's own images.
    replace(ec2, "_registered_image", "efcc9ff91da2")(lambda image_id: None)
    replace(ec2, "_any_image_registered", "5ee99f024bae")(lambda: False)
