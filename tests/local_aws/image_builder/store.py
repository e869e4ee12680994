"""The resources of Image Builder, by ARN, and the rules that all of them share."""

import re
import threading
import time

from ministack.core.responses import get_account_id, get_region

from tests.local_aws.durations import rfc3339
from tests.local_aws.image_builder.model import Refused

lock = threading.RLock()
resources = {}  # ARN -> {"kind": …, and the members of its shape}
_tokens = {}  # (account, region, operation, client token) -> (input, answer)


def now_text() -> str:
    return rfc3339(time.time())


def arn_of(kind: str, name: str, *more) -> str:
    """Names stand in ARNs in small letters, with - for what isn't a letter or a digit."""
    slug = re.sub(r"[^a-z0-9_-]", "-", name.lower())
    return ":".join(("arn:aws:imagebuilder", get_region(), get_account_id(), "/".join((kind, slug, *map(str, more)))))


def put(kind: str, arn: str, members: dict) -> dict:
    resource = {"kind": kind, "arn": arn, "dateCreated": now_text(), **members}
    resource.setdefault("tags", {})
    resources[arn] = resource
    return resource


def get(kind: str, arn: str) -> dict:
    found = resources.get(arn)
    if found is None or found["kind"] != kind:
        raise Refused("ResourceNotFoundException", f"The resource with ARN '{arn}' does not exist.")
    return found


def having(kind: str) -> list:
    """This account's resources of a kind in this region, in the order of their making."""
    prefix = f"arn:aws:imagebuilder:{get_region()}:{get_account_id()}:"
    return [one for arn, one in list(resources.items()) if one["kind"] == kind and arn.startswith(prefix)]


def refuse_existing(resource_type: str, arn: str) -> None:
    if arn in resources:
        raise Refused(
            "ResourceAlreadyExistsException", f"The following resource '{resource_type}' already exists: '{arn}'."
        )


def refuse_used(arn: str, users: list) -> None:
    """A resource that another one refers to can't be deleted."""
    if users:
        raise Refused("ResourceDependencyException", f"Resource '{arn}' is used by {', '.join(users)}.")


def once(operation: str, given: dict, act):
    """The idempotency of client tokens: the same token answers the same, unless it asks for something else.

    https://docs.aws.amazon.com/imagebuilder/latest/APIReference/CommonErrors.html
    """
    token = given.get("clientToken")
    if token is None:
        return act()
    key = (get_account_id(), get_region(), operation, token)
    with lock:
        if key in _tokens:
            asked, answer = _tokens[key]
            if asked != given:
                raise Refused(
                    "IdempotentParameterMismatchException",
                    "The client token was used before with different parameters.",
                )
            return answer
        answer = {"clientToken": token, **act()}
        _tokens[key] = (dict(given), answer)
        return answer


def matching(items: list, filters: list | None) -> list:
    """What passes every filter: `name` compares with the member of that name."""

    def passes(item):
        return all(str(_member(item, one.get("name", ""))) in one.get("values", []) for one in filters or [])

    return [item for item in items if passes(item)]


def _member(item: dict, name: str):
    for step in name.split("."):
        item = item.get(step, "") if isinstance(item, dict) else ""
    return item


def page(items: list, given: dict, member: str) -> dict:
    """One page of a listing."""
    token = given.get("nextToken", "0")
    if not token.isdigit():
        raise Refused("InvalidPaginationTokenException", "The pagination token is not valid.")
    start, size = int(token), given.get("maxResults", 25)
    answer = {member: items[start : start + size]}
    if start + size < len(items):
        answer["nextToken"] = str(start + size)
    return answer
