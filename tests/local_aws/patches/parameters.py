"""Parameter Store: the public parameters, ten names a call, and values that must be images.

https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters.html
https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
"""

import json
import re

from ministack.core.concurrency import spawn_background
from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import eventbridge, ssm

from tests.local_aws import public
from tests.local_aws.patches import images
from tests.local_aws.patches.source import replace

_IMAGE_ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")


def install() -> None:
    @replace(ssm, "_public_parameter", "512c8624b0a1")
    def _public_parameter(name):
        return public.parameters(get_region()).get(name) if name else None

    @replace(ssm, "_get_parameters", "ec9edbf2d732")
    def _get_parameters(data):
        names = data.get("Names", [])
        if not 1 <= len(names) <= 10:
            return error_response_json(
                "ValidationException",
                f"1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length "
                f"{'less than or equal to 10' if names else 'greater than or equal to 1'}",
                400,
            )
        return _get_parameters.original(data)

    @replace(ssm, "_get_parameters_by_path", "3d7b8c0e877c")
    def _get_parameters_by_path(data):
        path = data.get("Path", "/").rstrip("/") + "/"
        if not path.startswith("/aws/service/"):
            return _get_parameters_by_path.original(data)
        known = public.parameters(get_region())
        names = [
            name
            for name in sorted(known)
            if name.startswith(path) and (data.get("Recursive") or "/" not in name[len(path) :])
        ]
        start, size = int(data.get("NextToken") or 0), data.get("MaxResults", ssm.DEFAULT_PAGE_SIZE)
        answer = {"Parameters": [known[name] for name in names[start : start + size]]}
        if start + size < len(names):
            answer["NextToken"] = str(start + size)
        return ssm.json_response(answer)

    @replace(ssm, "_put_parameter", "7518a51e5653")
    def _put_parameter(data):
        """A parameter of an image answers at once, and is written only once the image has been found."""
        if data.get("DataType") != "aws:ec2:image":
            return _put_parameter.original(data)
        existing = ssm._parameters.get(data.get("Name"))
        if existing and not data.get("Overwrite"):
            return _put_parameter.original(data)
        image_id = data.get("Value", "")
        if not _IMAGE_ID.fullmatch(image_id):
            return error_response_json("ValidationException", f"Parameter value {image_id} is not an image id.", 400)
        promised = {"Version": existing["Version"] + 1 if existing else 1, "Tier": data.get("Tier", "Standard")}
        spawn_background(_validate, _put_parameter.original, dict(data), thread_name="local-ssm-image")
        return ssm.json_response(promised)


def _validate(write, data: dict) -> None:
    existed = data["Name"] in ssm._parameters
    detail = {
        "name": data["Name"],
        "type": data.get("Type", "String"),
        "dataType": "aws:ec2:image",
        "operation": "Update" if existed else "Create",
    }
    if images.find(data["Value"]):
        write(data)
    else:
        detail["exception"] = "Unable to Describe Resource"
    name = data["Name"].lstrip("/")
    eventbridge._put_events(
        {
            "Entries": [
                {
                    "Source": "aws.ssm",
                    "DetailType": "Parameter Store Change",
                    "Detail": json.dumps(detail),
                    "Resources": [f"arn:aws:ssm:{get_region()}:{get_account_id()}:parameter/{name}"],
                }
            ]
        },
        allow_aws_source=True,
    )
