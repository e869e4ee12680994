"""Every request and every build comes to one end, and at most one build of a target runs."""

import re
from collections import Counter

from tests.storm.result import ENDED

# Why a build may fail in a storm: Image Builder did as it was told, or somebody took something away.
_EXPLAINED = (
    "A component's document failed on the instance",
    r"The image id '\[ami-\w+\]' does not exist",
    "the image was cancelled",
    "its execution timed out",
    "No answer within 43200 seconds",
    # The clock moves while a task works, more often than it is tried again.
    "The task ran longer than",
    # Nobody approves anything while the policy cannot be read.
    "the record POLICY CURRENT in the table .* cannot be read",
    # The storm killed a function more often than it is tried again.
    "Runtime exited before returning a response",
)


def every_execution_ends(result):
    for one in result.executions:
        if one["status"] == "RUNNING":
            yield f"{one['name']} runs"


def an_execution_fails_with_a_reason_that_the_storm_explains(result):
    for one in result.executions:
        if one["status"] in ("RUNNING", "SUCCEEDED", "ABORTED"):
            continue
        error, cause = one.get("error"), one.get("cause") or ""
        failed = error in ("BuildFailed", "DecisionFailed")
        if failed and not _explained(result, cause) or not failed and error != "InvalidRequest":
            yield f"{one['name']} is {one['status']}: {error}: {cause[:300]}"


def every_build_ends_once(result):
    for change in result.changes_of("TEMPLATE#", "BUILD#"):
        for name in ("ending", "published_at"):
            if change.was(name) and change.became(name) != change.was(name):
                yield f"{change.was('id')} has {name} {change.was(name)}, then {change.became(name)}"
    decisions = result.having("TEMPLATE#", "DECISION#")
    closed = Counter(one["subject"] for one in decisions)
    # A build whose place was taken, while it waited or was about to stop, is closed by that.
    taken = [reason for one in decisions if one["kind"] == "supersede" for reason in one["reasons"]]
    for build in result.builds.values():
        if not build["ending"]:
            yield f"{build['id']} has not ended"
        elif closed[f"{build['id']}:closed"] != (not any(f" {build['id']}, wh" in reason for reason in taken)):
            yield f"{build['id']} ({build['ending']['kind']}) was closed {closed[build['id'] + ':closed']} times"


def a_build_fails_with_a_reason_that_the_storm_explains(result):
    causes = {one["executionArn"]: one.get("cause") or "" for one in result.executions}
    for build in result.builds.values():
        ending = build["ending"] or {"kind": None, "message": ""}
        # Of a build whose execution could not close it, the execution tells why.
        told = causes.get(build["execution"], "") if ending["message"] == "its execution failed" else ending["message"]
        if ending["kind"] == "failed" and not _explained(result, told):
            yield f"{build['id']} failed: {ending['message'][:300]}: {told[:300]}"


def a_function_exits_only_where_the_storm_killed_it(result):
    if result.exits != result.kills:
        yield f"{result.exits} invocations ended by the exit of their function, and {result.kills} were killed"


def one_build_of_a_target_runs_at_a_time(result):
    running = {}
    for change in result.changes_of("TEMPLATE#", "BUILD#"):
        target, runs = change.became("id").rpartition("-")[0], _is_open(change.new)
        if runs and not _is_open(change.old):
            if running.get(target):
                yield f"{change.became('id')} begins while {running[target]} runs"
            running[target] = change.became("id")
        elif _is_open(change.old) and not runs:
            running.pop(target, None)


def builds_are_numbered_one_by_one(result):
    for change in result.changes_of("CLAIM"):
        before, after = change.was("counter") or 0, change.became("counter")
        if isinstance(before, int) and isinstance(after, int) and not 0 <= after - before <= 1:
            yield f"the counter of {change.sk} goes from {before} to {after}"


def nothing_is_left_to_do(result):
    for claim in result.having("CLAIM"):
        if claim.get("held") or claim.get("next"):
            yield f"claim {claim['sk']} is held by {(claim.get('held') or {}).get('request')}, next is {claim.get('next')}"
    for record in result.having("CLEARING"):
        if not record["cleared_at"]:
            yield f"{record['build']} is not cleared"
    builder = result.environment.aws.client("imagebuilder")
    for page in builder.get_paginator("list_images").paginate():
        for version in page["imageVersionList"]:
            for image in builder.list_image_build_versions(imageVersionArn=version["arn"])["imageSummaryList"]:
                if image["state"]["status"] not in ENDED:
                    yield f"Image Builder works on {image['arn']}: {image['state']['status']}"


def no_function_is_refused_a_right(result):
    left = {ami for images in result.amis.values() for ami in images}
    for line in result.refusals:
        # Two invocations cleared the same build, and an AMI that is gone has no tags by which it may be deregistered.
        gone = re.search(r"deregistering (ami-\w+): UnauthorizedOperation", line)
        if not gone or gone[1] in left:
            yield line[:400]


def _is_open(build: dict | None) -> bool:
    reservation = (build or {}).get("reservation")
    return bool(reservation) and reservation["state"]["state"] == "open"


def _explained(result, message: str) -> bool:
    """It is one of the things that a storm does, or names a template whose records are broken."""
    return any(re.search(pattern, message) for pattern in _EXPLAINED) or result.is_of_a_victim(message)


INVARIANTS = [
    every_execution_ends,
    an_execution_fails_with_a_reason_that_the_storm_explains,
    every_build_ends_once,
    a_build_fails_with_a_reason_that_the_storm_explains,
    a_function_exits_only_where_the_storm_killed_it,
    one_build_of_a_target_runs_at_a_time,
    builds_are_numbered_one_by_one,
    nothing_is_left_to_do,
    no_function_is_refused_a_right,
]
