"""A build: the way of an image through its states, on the virtual clock.

https://docs.aws.amazon.com/imagebuilder/latest/userguide/ibhow-workflows.html
https://docs.aws.amazon.com/imagebuilder/latest/userguide/integ-eventbridge.html

The AMI exists once the build stage ends, so before the tests; a failed test leaves it behind, with the
recipe's AMI tags; only what a distribution asks for is an output.
"""

import contextvars
import json
import threading
import time

from tests.local_aws import context
from tests.local_aws.image_builder import amis, packages, scripts, store, workflows
from tests.local_aws.image_builder.model import Refused

ENDED = ("AVAILABLE", "FAILED", "CANCELLED")
# Where, as a part of the whole, each state begins.
_STAGES = (("CREATING", 0.0), ("BUILDING", 0.1), ("TESTING", 0.6), ("DISTRIBUTING", 0.8), ("INTEGRATING", 0.95))
_FAILS_IN = {"fail-build": "BUILDING", "fail-test": "TESTING"}
# How long, in real seconds, an event that must come before the answer is given to be delivered.
_HEAD_START = 1.0


def start(given: dict, pipeline: dict | None) -> dict:
    """Begins a build as a pipeline or a call of CreateImage (`given`) describes it."""
    recipe = store.get("image-recipe", given["imageRecipeArn"])
    script = scripts.take(_template(given, recipe), recipe["parentImage"])
    if script["outcome"] == "throttle":
        raise Refused("CallRateLimitExceededException", "Too many requests. Slow down and try again.")
    image = _new_image(given, recipe, pipeline)
    _tell(image, script, None)
    run = contextvars.copy_context().run
    if script["event_before_response"]:
        run(_build, image, {**script, "seconds": 0.0})
        time.sleep(_HEAD_START)
    else:
        threading.Thread(target=run, args=(_build, image, script), daemon=True, name="local-build").start()
    return image


def cancel(image: dict) -> bool:
    """Cancels a build that hasn't ended; False when it has."""
    with store.lock:
        if image["state"]["status"] in ENDED:
            return False
        image["cancelled"] = True
    context.clock.tell(image["arn"])
    return True


def _template(given: dict, recipe: dict) -> str | None:
    for tags in (given.get("tags"), recipe.get("amiTags"), recipe.get("tags")):
        if tags and "prism:template" in tags:
            return tags["prism:template"]
    return None


def _new_image(given: dict, recipe: dict, pipeline: dict | None) -> dict:
    version = recipe["arn"].split("/")[-1]
    version_arn = store.arn_of("image", recipe["name"], version)
    with store.lock:
        build = 1 + max(
            (one["build"] for one in store.having("image") if one["arn"].rsplit("/", 1)[0] == version_arn), default=0
        )
        distribution = given.get("distributionConfigurationArn")
        image = store.put(
            "image",
            f"{version_arn}/{build}",
            {
                "build": build,
                "type": "AMI",
                "name": recipe["name"],
                "version": f"{version}/{build}",
                "platform": recipe["platform"],
                "enhancedImageMetadataEnabled": given.get("enhancedImageMetadataEnabled", True),
                "state": {"status": "PENDING"},
                "imageRecipe": recipe,
                "buildType": "USER_INITIATED",
                "imageSource": "CUSTOM",
                "infrastructureConfiguration": store.get(
                    "infrastructure-configuration", given["infrastructureConfigurationArn"]
                ),
                "imageTestsConfiguration": given.get(
                    "imageTestsConfiguration", {"imageTestsEnabled": True, "timeoutMinutes": 720}
                ),
                "tags": dict(given.get("tags", {})),
                "outputResources": {"amis": []},
                "workflowExecutions": [],
            },
        )
        if distribution:
            image["distributionConfiguration"] = store.get("distribution-configuration", distribution)
        if pipeline:
            image["sourcePipelineName"], image["sourcePipelineArn"] = pipeline["name"], pipeline["arn"]
        return image


def _build(image: dict, script: dict) -> None:
    """One build from its first state to its last."""
    began = time.time()
    try:
        for status, part in _STAGES:
            if status == "TESTING" and not image["imageTestsConfiguration"].get("imageTestsEnabled", True):
                continue
            _wait(image, began + part * script["seconds"])
            if status == "CREATING":
                amis.parent(image)
            if status in ("TESTING", "DISTRIBUTING") and "ami" not in image:
                amis.build(image)
                image["packages"] = packages.of(image, script["packages"])
            _become(image, script, status)
            workflows.enter(image, status)
            if _FAILS_IN.get(script["outcome"]) == status:
                _wait(image, began + (part + 0.1) * script["seconds"])
                raise workflows.Failed(image, status)
            if script["outcome"] == "hang" and status == "BUILDING":
                _wait(image, None)
            if status == "DISTRIBUTING":
                image["outputResources"] = {"amis": amis.distribute(image)}
        _wait(image, began + script["seconds"])
        workflows.enter(image, "AVAILABLE")
        for ami in image["outputResources"]["amis"]:
            ami["state"] = {"status": "AVAILABLE"}
        _become(image, script, "AVAILABLE")
        _count_failure(image, False)
    except _Cancelled:
        workflows.end(image, "CANCELLED")
        _become(image, script, "CANCELLED", "Image creation was cancelled.")
    except amis.Failed as failure:
        workflows.end(image, "FAILED")
        _become(image, script, "FAILED", str(failure), {"imageStatus": image["state"]["status"]})
        _count_failure(image, True)
    except workflows.Failed as failure:
        _become(image, script, "FAILED", str(failure), failure.told)
        _count_failure(image, True)


class _Cancelled(Exception):
    pass


def _wait(image: dict, until: float | None) -> None:
    if context.clock.wait(until, lambda: image.get("cancelled"), image["arn"]) or image.get("cancelled"):
        raise _Cancelled


def _become(image: dict, script: dict, status: str, reason: str | None = None, failure: dict | None = None) -> None:
    before = image["state"]["status"]
    state = {"status": status}
    if reason:
        state["reason"] = reason
    if failure:
        state["failureContext"] = failure
    image["state"] = state
    _tell(image, script, before)


def _tell(image: dict, script: dict, before: str | None) -> None:
    """The event of a change of state, on the default bus."""
    from ministack.services import eventbridge

    if script["lose_event"]:
        return
    state = {name: value for name, value in image["state"].items() if name in ("status", "reason")}
    detail = {"state": state}
    if before:
        detail = {"previous-state": {"status": before}, **detail}
    eventbridge._put_events(
        {
            "Entries": [
                {
                    "Source": "aws.imagebuilder",
                    "DetailType": "EC2 Image Builder Image State Change",
                    "Detail": json.dumps(detail),
                    "Resources": [image["arn"]],
                }
            ]
        },
        allow_aws_source=True,
    )


def _count_failure(image: dict, failed: bool) -> None:
    pipeline = store.resources.get(image.get("sourcePipelineArn", ""))
    if pipeline:
        pipeline["consecutiveFailures"] = pipeline.get("consecutiveFailures", 0) + 1 if failed else 0
        pipeline["lastRunStatus"] = image["state"]["status"]
