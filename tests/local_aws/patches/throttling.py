"""Throttling on demand: the next calls of a service are refused in its own words.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
https://docs.aws.amazon.com/imagebuilder/latest/APIReference/CommonErrors.html
"""

import json
import threading
from urllib.parse import parse_qs

from ministack import app
from ministack.services import ec2

from tests.local_aws import control
from tests.local_aws.image_builder import model

_lock = threading.Lock()
_armed = []  # {"service", "operation" or None, "count"}


def _json(code: str, message: str, status: int = 400):
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": code}
    return lambda: (status, dict(headers), json.dumps({"__type": code, "message": message}).encode())


def _query(code: str, message: str, status: int):
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        "<RequestId>throttled</RequestId></ErrorResponse>"
    )
    return lambda: (status, {"Content-Type": "text/xml"}, body.encode())


_ANSWERS = {
    "ssm": _json("ThrottlingException", "Rate exceeded"),
    "dynamodb": _json("ThrottlingException", "Rate of requests exceeds the allowed throughput."),
    "states": _json("ThrottlingException", "Rate exceeded"),
    "events": _json("ThrottlingException", "Rate exceeded"),
    "imagebuilder": _json("CallRateLimitExceededException", "Rate exceeded", 429),
    "lambda": _json("TooManyRequestsException", "Rate Exceeded.", 429),
    "ec2": lambda: ec2._error("RequestLimitExceeded", "Request limit exceeded.", 503),
    "sns": _query("Throttling", "Rate exceeded", 400),
}


@control.route("POST", "throttle")
def _arm(body):
    service, operation, count = control.fields(body, "service", operation=None, count=1)
    if service not in _ANSWERS:
        raise control.BadInput(f"service {service!r} is not one of {', '.join(sorted(_ANSWERS))}")
    if not isinstance(count, int) or count < 1:
        raise control.BadInput(f"count {count!r} is not a number of calls")
    with _lock:
        _armed.append({"service": service, "operation": operation, "count": count})
        return {"armed": [dict(one) for one in _armed]}


def _throttled(service: str, operation: str) -> bool:
    with _lock:
        for one in _armed:
            if one["service"] == service and one["operation"] in (None, operation):
                one["count"] -= 1
                if not one["count"]:
                    _armed.remove(one)
                return True
    return False


def _operation(method: str, path: str, headers: dict, body: bytes, query: dict) -> str:
    """The operation's name, as each protocol tells it."""
    if "x-amz-target" in headers:
        return headers["x-amz-target"].rsplit(".", 1)[-1]
    action = query.get("Action") or parse_qs((body or b"").decode("utf-8", "replace")).get("Action")
    if action:
        return action[0]
    found = model.operation(method, path)
    if found:
        return found[0].name
    return "Invoke" if path.endswith("/invocations") else ""


def _wrapped(service: str, handler):
    async def handle(method, path, headers, body, query):
        if _armed and _throttled(service, _operation(method, path, headers, body, query)):
            return _ANSWERS[service]()
        return await handler(method, path, headers, body, query)

    return handle


def install() -> None:
    for service in _ANSWERS:
        app.SERVICE_HANDLERS[service] = _wrapped(service, app.SERVICE_HANDLERS[service])
