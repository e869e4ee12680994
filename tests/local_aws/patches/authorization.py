"""Enforced roles: Image Builder's calls and parameters by their names; the clock of callers outside may differ.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2imagebuilder.html
https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-access.html
"""

import json

from ministack import app
from ministack.core import iam_actions, sigv4

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
    return next((given[name] for name in _NAMES if name in given), "*")


def parameter(body: bytes, region: str, account: str) -> str:
    """The ARN of the first parameter that a call names; a public one belongs to no account."""
    try:
        given = json.loads(body)
    except ValueError:
        return "*"
    name = given.get("Name") or given.get("Path") or next(iter(given.get("Names", [])), None)
    if not name or name.startswith("arn:"):
        return name or "*"
    owner = "" if name.startswith("/aws/service/") else account
    return f"arn:aws:ssm:{region}:{owner}:parameter/{name.strip('/')}"


def install() -> None:
    if not app.AUTH:
        return
    iam_actions.SERVICE_TO_IAM_NAMESPACE["imagebuilder"] = "imagebuilder"
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
            return parameter(body, region, account)
        return extract_resource_arn.original(service, method, path, headers, body, query, region, account)
