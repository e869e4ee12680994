"""Tags of any Image Builder resource."""

from tests.local_aws.image_builder import store
from tests.local_aws.image_builder.model import Refused


def _tags(given) -> dict:
    found = store.resources.get(given["resourceArn"])
    if found is None:
        raise Refused("ResourceNotFoundException", f"The resource with ARN '{given['resourceArn']}' does not exist.")
    return found["tags"]


def tag_resource(given):
    _tags(given).update(given["tags"])
    return {}


def untag_resource(given):
    for key in given["tagKeys"]:
        _tags(given).pop(key, None)
    return {}


def list_tags_for_resource(given):
    return {"tags": _tags(given)}
