"""EC2 Image Builder joins the services, and CloudFormation learns to make its configurations.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ImageBuilder.html
"""

import json
import uuid

from ministack import app
from ministack.core import router
from ministack.services.cloudformation import provisioners

from tests.local_aws.image_builder import model, service

# CloudFormation's type -> the operation's noun. The members have the same names, but begin with a capital.
_TYPES = {
    "AWS::ImageBuilder::InfrastructureConfiguration": "InfrastructureConfiguration",
    "AWS::ImageBuilder::DistributionConfiguration": "DistributionConfiguration",
    "AWS::ImageBuilder::Component": "Component",
    "AWS::ImageBuilder::ImageRecipe": "ImageRecipe",
    "AWS::ImageBuilder::ImagePipeline": "ImagePipeline",
}


def install() -> None:
    app.SERVICE_REGISTRY["imagebuilder"] = {"module": "imagebuilder"}
    app.SERVICE_HANDLERS["imagebuilder"] = service.handle_request
    router.SERVICE_PATTERNS["imagebuilder"] = {"host_patterns": [r"imagebuilder\."]}
    for name, noun in _TYPES.items():
        provisioners._RESOURCE_HANDLERS[name] = _handlers(noun)


def _handlers(noun: str) -> dict:
    member = noun[0].lower() + noun[1:]
    # A component is named by its build's ARN.
    made = "componentBuildVersionArn" if noun == "Component" else f"{member}Arn"

    def call(operation: str, given: dict) -> dict:
        return service.call(operation, {**given, "clientToken": str(uuid.uuid4())})

    def create(_logical_id, properties, _stack):
        given = _checked(f"Create{noun}", properties)
        arn = call(f"Create{noun}", given)[made]
        return arn, {"Arn": arn, "Name": given["name"]}

    def update(arn, _before, properties, *_):
        given = _checked(f"Update{noun}", {**properties, made: arn})
        call(f"Update{noun}", given)
        return arn, {"Arn": arn, "Name": properties["Name"]}

    def delete(arn, _properties, *_):
        try:
            call(f"Delete{noun}", {made: arn})
        except model.Refused as refused:
            if refused.code != "ResourceNotFoundException":
                raise ValueError(refused.message) from None

    handlers = {"create": create, "delete": delete}
    if f"Update{noun}" in service.OPERATIONS:
        handlers["update"] = update
    return handlers


def _checked(operation: str, properties: dict) -> dict:
    """Properties as the operation's input: names begin small, `Version` is `semanticVersion`."""
    shape = model.SERVICE.operation_model(operation)
    given = _lowered(properties, shape.input_shape)
    if "Version" in properties:
        given["semanticVersion"] = properties["Version"]
    try:
        return model.read(shape, {}, {}, json.dumps(given).encode())
    except model.Refused as refused:
        raise ValueError(refused.message) from None


def _lowered(value, shape):
    if shape.type_name == "structure" and isinstance(value, dict):
        found = {}
        for name, item in value.items():
            small = name[0].lower() + name[1:]
            if small in shape.members:
                found[small] = _lowered(item, shape.members[small])
        return found
    if shape.type_name == "list":
        return [_lowered(item, shape.member) for item in value]
    if shape.type_name == "boolean":
        return value in (True, "true")
    if shape.type_name in ("integer", "long"):
        return int(value)
    return value
