"""The wire of EC2 Image Builder, from botocore's own model of the service.

A request is told by its method and URI, read, and checked against its input shape (required members, types,
enumerations, patterns and lengths); an error carries the HTTP status of its shape.
https://docs.aws.amazon.com/imagebuilder/latest/APIReference/Welcome.html
"""

import json
import re
import uuid
from urllib.parse import unquote

import botocore.session

SERVICE = botocore.session.get_session().get_service_model("imagebuilder")
_BY_URI = []
for _name in SERVICE.operation_names:
    _http = SERVICE.operation_model(_name).http
    _pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(_http["requestUri"].split("?")[0]))
    _BY_URI.append((_http["method"], re.compile(_pattern), SERVICE.operation_model(_name)))


class Refused(Exception):
    """An error of the service: its code and its words."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code, self.message = code, message

    @property
    def status(self) -> int:
        error = SERVICE.shape_for(self.code).metadata.get("error", {})
        return error.get("httpStatusCode", 400)


def operation(method: str, path: str):
    """The operation's model and the members that stand in the path, or None."""
    for wanted, pattern, model in _BY_URI:
        found = pattern.fullmatch(path)
        if wanted == method and found:
            return model, {name: unquote(value) for name, value in found.groupdict().items()}
    return None


def read(model, in_path: dict, query: dict, body: bytes) -> dict:
    """The checked input of an operation, its client token filled in as an SDK would."""
    try:
        given = json.loads(body) if body and body.strip() else {}
    except json.JSONDecodeError:
        raise Refused("InvalidRequestException", "The request body is not JSON.") from None
    given.update(in_path)
    for name, shape in model.input_shape.members.items():
        place = shape.serialization
        if place.get("location") == "querystring":
            values = query.get(place.get("name", name))
            if values:
                given[name] = values if shape.type_name == "list" else _scalar(shape, values[0])
    for name in model.input_shape.required_members:
        if given.get(name) is None:
            if model.input_shape.members[name].metadata.get("idempotencyToken"):
                given[name] = str(uuid.uuid4())
            else:
                raise Refused("InvalidParameterException", f"The parameter '{name}' is required.")
    known = {name: value for name, value in given.items() if name in model.input_shape.members}
    for name, value in known.items():
        _check(name, value, model.input_shape.members[name])
    return {name: value for name, value in known.items() if value is not None}


def _scalar(shape, text: str):
    return text == "true" if shape.type_name == "boolean" else int(text) if shape.type_name == "integer" else text


_PYTHON = {"string": str, "list": list, "map": dict, "structure": dict, "boolean": bool, "integer": int, "long": int}


def _check(name: str, value, shape) -> None:
    """A value against its shape, all the way down."""
    if value is None:
        return

    def refuse(why):
        raise Refused(
            "InvalidParameterValueException", f"The value supplied for parameter '{name}' is not valid. {why}"
        )

    kind = _PYTHON.get(shape.type_name)
    if kind and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        refuse(f"'{name}' must be of type {shape.type_name}")
    limits = shape.metadata
    size = value if shape.type_name in ("integer", "long") else len(value) if hasattr(value, "__len__") else None
    if size is not None and shape.type_name != "structure":
        if "min" in limits and size < limits["min"]:
            refuse(f"'{name}' must be at least {limits['min']}")
        if "max" in limits and size > limits["max"]:
            refuse(f"'{name}' must be at most {limits['max']}")
    if shape.type_name == "string":
        if "pattern" in limits and not re.search(limits["pattern"], value):
            refuse(f"'{name}' must match pattern {limits['pattern']}")
        if getattr(shape, "enum", None) and value not in shape.enum:
            refuse(f"'{name}' must be one of {', '.join(shape.enum)}")
    elif shape.type_name == "list":
        for item in value:
            _check(name, item, shape.member)
    elif shape.type_name == "map":
        for key, item in value.items():
            _check(name, key, shape.key)
            _check(name, item, shape.value)
    elif shape.type_name == "structure":
        for member in shape.required_members:
            if value.get(member) is None:
                refuse(f"'{name}.{member}' is required")
        for member, item in value.items():
            if member in shape.members:
                _check(f"{name}.{member}", item, shape.members[member])


def shaped(value, shape):
    """What of a value its shape has, so that an answer holds nothing that the service doesn't know."""
    if value is None:
        return None
    if shape.type_name == "structure":
        found = {name: shaped(value.get(name), member) for name, member in shape.members.items()}
        return {name: item for name, item in found.items() if item is not None}
    if shape.type_name == "list":
        return [shaped(item, shape.member) for item in value]
    return value
