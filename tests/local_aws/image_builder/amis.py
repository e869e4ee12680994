"""The AMIs that a build makes: one when its build stage ends, the outputs when it is distributed.

https://docs.aws.amazon.com/imagebuilder/latest/userguide/manage-distribution-settings.html
https://docs.aws.amazon.com/imagebuilder/latest/userguide/tag-resources.html
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/EC2ImageBuilderLifecycleExecutionPolicy.html
"""

import time

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from tests.local_aws.durations import rfc3339
from tests.local_aws.patches import images


class Failed(Exception):
    """Why a build failed: the text is the image's `state.reason`."""


def parent(image: dict) -> dict:
    """The base AMI of a recipe."""
    from ministack.services import ssm

    named = image["imageRecipe"]["parentImage"]
    image_id = named
    if named.startswith("ssm:"):
        image_id = ssm.resolve_parameter_value(named[4:])
    elif named.startswith("arn:"):
        return {"Architecture": "x86_64"}
    found = images.find(image_id or "")
    if found is None:
        raise Failed(f"The image id '[{image_id or named}]' does not exist (Service: Ec2, Status Code: 400)")
    return found


def _stamp() -> str:
    return rfc3339(time.time()).replace(":", "-")


def _service_tags(image: dict) -> dict:
    """What an AMI and its snapshots get of the service itself."""
    return {"CreatedBy": "EC2 Image Builder", "Ec2ImageBuilderArn": image["arn"]}


def _own_tags(image: dict) -> dict:
    """The recipe's tags are the AMI's alone."""
    return {**image["imageRecipe"].get("amiTags", {}), **_service_tags(image)}


def build(image: dict) -> None:
    """The AMI of the build stage, in the region of the build."""
    base = parent(image)
    _check_volumes(image, base)
    name = _named(image, _distributions(image).get(get_region(), {}))
    description = image["imageRecipe"].get("description", "")
    image["ami"] = _created(image, get_region(), name, base, description, _own_tags(image))


def _check_volumes(image: dict, base: dict) -> None:
    """A volume cannot be smaller than the snapshot that it is made from."""
    needed = {one["DeviceName"]: int(one["Ebs"]["VolumeSize"]) for one in base.get("BlockDeviceMappings", [])}
    for one in image["imageRecipe"].get("blockDeviceMappings", []):
        size = one.get("ebs", {}).get("volumeSize")
        if size is not None and size < needed.get(one["deviceName"], 0):
            raise Failed(
                f"Volume of size {size}GB is smaller than snapshot, expect size >= {needed[one['deviceName']]}GB"
            )


def _created(image: dict, region: str, name: str, like: dict, description: str, tags: dict) -> str:
    try:
        return images.create(region, name, like, description=description, tags=tags, snapshot_tags=_service_tags(image))
    except ValueError as taken:
        raise Failed(f"{taken} (Service: Ec2, Status Code: 400)") from None


def _distributions(image: dict) -> dict:
    """By region, the AMI's distribution configuration."""
    found = image.get("distributionConfiguration", {}).get("distributions", [])
    return {one["region"]: one.get("amiDistributionConfiguration", {}) for one in found}


def _named(image: dict, configuration: dict) -> str:
    template = configuration.get("name", image["name"] + " {{ imagebuilder:buildDate }}")
    for spelled in ("{{ imagebuilder:buildDate }}", "{{imagebuilder:buildDate}}"):
        template = template.replace(spelled, _stamp())
    for spelled in ("{{ imagebuilder:buildVersion }}", "{{imagebuilder:buildVersion}}"):
        template = template.replace(spelled, str(image["build"]))
    return template


def distribute(image: dict) -> list:
    """The outputs: the built AMI with its tags, and a copy of it in every other region."""
    home = get_region()
    built = ec2._images.get_scoped(get_account_id(), home, image["ami"])
    outputs = []
    for region, configuration in (_distributions(image) or {home: {}}).items():
        tags = {**_own_tags(image), **configuration.get("amiTags", {}), **_service_tags(image)}
        if region == home:
            image_id, name = image["ami"], built["Name"]
            images.set_tags(image_id, tags, region)
        else:
            name = _named(image, configuration)
            image_id = _created(image, region, name, built, configuration.get("description", ""), tags)
        _share(region, image_id, configuration)
        outputs.append(
            {
                "region": region,
                "image": image_id,
                "name": name,
                "accountId": get_account_id(),
                "description": configuration.get("description"),
                "state": {"status": "DISTRIBUTING"},
            }
        )
    return outputs


def _share(region: str, image_id: str, configuration: dict) -> None:
    allowed = configuration.get("launchPermission", {})
    permissions = [{"UserId": user} for user in allowed.get("userIds", [])]
    permissions += [{"Group": group} for group in allowed.get("userGroups", [])]
    if permissions:
        ec2._images.get_scoped(get_account_id(), region, image_id)["LaunchPermissions"] = permissions
