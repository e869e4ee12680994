"""Enforced roles: Image Builder's calls, images, snapshots and every parameter by their ARNs, with EC2's tags.

The clock of callers outside may differ.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2imagebuilder.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-access.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourcetag
"""

import json
import re

from ministack import app
from ministack.core import iam_actions, iam_evaluator, sigv4
from ministack.core.responses import get_region
from ministack.services import ec2, tagging

from tests.local_aws.image_builder import model, store
from tests.local_aws.patches.source import replace

# The member of an operation's input that names what it acts on, the most telling first.
_NAMES = (
    "imageBuildVersionArn",
    "imagePipelineArn",
    "imageRecipeArn",
    "componentBuildVersionArn",
    "resourceArn",
    "distributionConfigurationArn",
    "infrastructureConfigurationArn",
    "imageVersionArn",
)
_KINDS = {
    "CreateComponent": "component",
    "CreateImageRecipe": "image-recipe",
    "CreateImagePipeline": "image-pipeline",
    "CreateDistributionConfiguration": "distribution-configuration",
    "CreateInfrastructureConfiguration": "infrastructure-configuration",
}

# What a call takes besides, of the same resource.
_DEPENDENT = {"imagebuilder:StartImagePipelineExecution": ["imagebuilder:GetImagePipeline"]}


def resource(method: str, path: str, body: bytes, query: dict) -> str:
    """The ARN that a call of Image Builder acts on."""
    found = model.operation(method, path)
    try:
        given = json.loads(body) if body else {}
    except ValueError:
        given = {}
    if found is None:
        return "*"
    operation, in_path = found
    given.update(in_path)
    given.update({name: values[0] for name, values in query.items() if values})
    kind = _KINDS.get(operation.name)
    if kind and "name" in given:
        version = [given["semanticVersion"]] if "semanticVersion" in given else []
        return store.arn_of(kind, given["name"], *version)
    if operation.name == "CreateImage" and "imageRecipeArn" in given:
        return given["imageRecipeArn"].replace(":image-recipe/", ":image/")
    if "workflowExecutionId" in given:
        return store.arn_of("workflow-execution", given["workflowExecutionId"])
    return next((given[name] for name in _NAMES if name in given), "*")


class Several(str):
    """The first ARN of a call that acts on several; the caller must be allowed all of them."""

    def __new__(cls, arns: list):
        made = super().__new__(cls, arns[0])
        made.arns = arns
        return made


def parameters(body: bytes, region: str, account: str) -> str:
    """The ARNs of the parameters that a call names; a public one belongs to no account."""
    try:
        given = json.loads(body)
    except ValueError:
        return "*"

    def arn(name):
        if name.startswith("arn:"):
            return name
        owner = "" if name.startswith("/aws/service/") else account
        return f"arn:aws:ssm:{region}:{owner}:parameter/{name.strip('/')}"

    names = [given.get("Name") or given.get("Path"), *(given.get("Names") or [])]
    return Several([arn(name) for name in names if name] or ["*"])


def tags_of_images_and_snapshots():
    """What is gone has no tags, so a policy that asks for one refuses it."""
    for kind, found in (("image", ec2._images), ("snapshot", ec2._snapshots)):
        for name in list(found):
            yield f"arn:aws:ec2:{get_region()}::{kind}/{name}", ec2._tags.get(name, [])


def install() -> None:
    if not app.AUTH:
        return
    iam_actions.SERVICE_TO_IAM_NAMESPACE["imagebuilder"] = "imagebuilder"
    tagging._RESOURCE_TAG_COLLECTORS["ec2"] = tags_of_images_and_snapshots
    # Callers outside sign in real time, functions in virtual time: neither is too early or too late.
    replace(sigv4, "request_time_failure", "0185b7962a6c")(lambda signature, *, now=None: None)

    @replace(iam_actions, "extract_iam_action", "ec476b92d969")
    def extract_iam_action(service, method, path, headers, body, query):
        if service == "imagebuilder":
            found = model.operation(method, path)
            return f"imagebuilder:{found[0].name}" if found else None
        return extract_iam_action.original(service, method, path, headers, body, query)

    @replace(iam_actions, "extract_resource_arn", "82f51700695c")
    def extract_resource_arn(service, method, path, headers, body, query, region, account):
        if service == "imagebuilder":
            return resource(method, path, body, query)
        if service == "ssm" and headers.get("x-amz-target", "").endswith(
            ("Parameter", "Parameters", "ParametersByPath")
        ):
            return parameters(body, region, account)
        found = extract_resource_arn.original(service, method, path, headers, body, query, region, account)
        # Images and snapshots belong to no account.
        return re.sub(r"^(arn:aws:ec2:[^:]*):[0-9]*:(image|snapshot)/", r"\1::\2/", found)

    @replace(iam_evaluator, "enforce", "cf64b1ee5b09")
    def enforce(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
        # A transaction's item has condition keys of its own.
        context = {**(service_context or {}), **getattr(resource_arn, "context", {})}
        refusals = (
            enforce.original(access_key_id, action, service, region, one, context)
            for action in (iam_action, *_DEPENDENT.get(iam_action, ()))
            for one in getattr(resource_arn, "arns", [resource_arn])
        )
        return next((refused for refused in refusals if refused is not None), None)
