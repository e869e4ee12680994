"""Throttling, outages and delays on demand: the next calls of a service are refused, or fail, in its own words, or
are answered late.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
https://docs.aws.amazon.com/imagebuilder/latest/APIReference/CommonErrors.html
"""

import asyncio
import json
import threading
from urllib.parse import parse_qs

from ministack import app
from ministack.core.responses import get_region
from ministack.services import ec2

from tests.local_aws import control
from tests.local_aws.image_builder import model

_lock = threading.Lock()
_armed = []  # {"service", "operation" or None, "region" or None, "count", "down"}
_delayed = []  # the same, with "seconds" in the place of "down"


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


# What a service that is down says.
_DOWN = {
    "ssm": _json("InternalServerError", "An error occurred on the server side.", 500),
    "ec2": lambda: ec2._error("InternalError", "An internal error has occurred.", 500),
    "dynamodb": _json("InternalServerError", "The request could not be processed.", 500),
}


@control.route("POST", "throttle")
def _arm_throttle(body):
    return _arm(body, _ANSWERS, down=False)


@control.route("POST", "outage")
def _arm_outage(body):
    return _arm(body, _DOWN, down=True)


@control.route("POST", "delay")
def _arm_delay(body):
    service, seconds, operation, region, count = control.fields(
        body, "service", "seconds", operation=None, region=None, count=1
    )
    if not isinstance(seconds, (int, float)) or not 0 < seconds <= 60:
        raise control.BadInput(f"seconds {seconds!r} is not a number of up to 60")
    what = _what(service, operation, region, count, _ANSWERS)
    with _lock:
        _delayed.append({**what, "seconds": seconds})
        return {"armed": [dict(one) for one in _delayed]}


@control.route("POST", "throttle/forget")
def _disarm(body):
    control.fields(body)
    with _lock:
        _armed.clear()
        _delayed.clear()
    return {"armed": []}


def _arm(body, services: dict, down: bool) -> dict:
    what = _what(*control.fields(body, "service", operation=None, region=None, count=1), services)
    with _lock:
        _armed.append({**what, "down": down})
        return {"armed": [dict(one) for one in _armed]}


def _what(service, operation, region, count, services: dict) -> dict:
    if service not in services:
        raise control.BadInput(f"service {service!r} is not one of {', '.join(sorted(services))}")
    if not isinstance(count, int) or count < 1:
        raise control.BadInput(f"count {count!r} is not a number of calls")
    return {"service": service, "operation": operation, "region": region, "count": count}


def _next(armed: list, service: str, operation: str) -> dict | None:
    """What is armed for this call, which counts as one."""
    with _lock:
        for one in armed:
            of_it = one["service"] == service and one["operation"] in (None, operation)
            if of_it and one["region"] in (None, get_region()):
                one["count"] -= 1
                if not one["count"]:
                    armed.remove(one)
                return one
    return None


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
        operation = _operation(method, path, headers, body, query) if _armed or _delayed else ""
        if refused := _armed and _next(_armed, service, operation):
            return (_DOWN if refused["down"] else _ANSWERS)[service]()
        late = _delayed and _next(_delayed, service, operation)
        answer = await handler(method, path, headers, body, query)
        if late:
            await asyncio.sleep(late["seconds"])
        return answer

    return handle


def install() -> None:
    for service in _ANSWERS:
        app.SERVICE_HANDLERS[service] = _wrapped(service, app.SERVICE_HANDLERS[service])
