"""Throttling, outages, refusals and delays on demand: the next calls of a service are throttled, fail, or are refused, in
its own words, or are answered late.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
https://docs.aws.amazon.com/imagebuilder/latest/APIReference/CommonErrors.html
"""

import asyncio
import json
import threading
import time
from urllib.parse import parse_qs

from ministack import app
from ministack.core.responses import get_region
from ministack.services import ec2

from tests.local_aws import control
from tests.local_aws.image_builder import model

_lock = threading.Lock()
_armed = []  # {"service", "operation" or None, "region" or None, "count", "down", "code" or None}
_delayed = []  # the same, with "seconds" in the place of "down", and "containing", a text of the call's body, or None
_forgotten = 0  # how often all of it was forgotten


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


# A refusal of this code, whatever was asked.
_REFUSALS = {
    "imagebuilder": lambda code: _json(code, "It was refused on demand.")(),
    "ec2": lambda code: ec2._error(code, "It was refused on demand.", 400),
    "ssm": lambda code: _json(code, "It was refused on demand.")(),
}


@control.route("POST", "throttle")
def _arm_throttle(body):
    return _arm(body, _ANSWERS, down=False)


@control.route("POST", "outage")
def _arm_outage(body):
    return _arm(body, _DOWN, down=True)


@control.route("POST", "refuse")
def _arm_refusal(body):
    service, operation, code, region, count = control.fields(body, "service", "operation", "code", region=None, count=1)
    what = _what(service, operation, region, count, _REFUSALS)
    with _lock:
        _armed.append({**what, "down": False, "code": code})
        return {"armed": [dict(one) for one in _armed]}


@control.route("POST", "delay")
def _arm_delay(body):
    service, seconds, operation, region, count, containing = control.fields(
        body, "service", "seconds", operation=None, region=None, count=1, containing=None
    )
    if not isinstance(seconds, (int, float)) or not 0 < seconds <= 60:
        raise control.BadInput(f"seconds {seconds!r} is not a number of up to 60")
    what = _what(service, operation, region, count, _ANSWERS)
    with _lock:
        _delayed.append({**what, "seconds": seconds, "containing": containing})
        return {"armed": [dict(one) for one in _delayed]}


@control.route("GET", "delay")
def _armed_delays(_body):
    with _lock:
        return {"armed": [dict(one) for one in _delayed]}


@control.route("POST", "throttle/forget")
def _disarm(body):
    global _forgotten
    control.fields(body)
    with _lock:
        _forgotten += 1
        _armed.clear()
        _delayed.clear()
    return {"armed": []}


def _arm(body, services: dict, down: bool) -> dict:
    what = _what(*control.fields(body, "service", operation=None, region=None, count=1), services)
    with _lock:
        _armed.append({**what, "down": down, "code": None})
        return {"armed": [dict(one) for one in _armed]}


def _what(service, operation, region, count, services: dict) -> dict:
    if service not in services:
        raise control.BadInput(f"service {service!r} is not one of {', '.join(sorted(services))}")
    if not isinstance(count, int) or count < 1:
        raise control.BadInput(f"count {count!r} is not a number of calls")
    return {"service": service, "operation": operation, "region": region, "count": count}


def _next(armed: list, service: str, operation: str, body: bytes | str) -> dict | None:
    """What is armed for this call, which counts as one."""
    # Executions in the emulator pass a body as text.
    content = body.encode() if isinstance(body, str) else body or b""
    with _lock:
        for one in armed:
            of_it = one["service"] == service and one["operation"] in (None, operation)
            holds = (one.get("containing") or "").encode() in content
            if of_it and holds and one["region"] in (None, get_region()):
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
        if refused := _next(_armed, service, operation, body) if _armed else None:
            if refused["code"]:
                return _REFUSALS[service](refused["code"])
            return (_DOWN if refused["down"] else _ANSWERS)[service]()
        late = _next(_delayed, service, operation, body) if _delayed else None
        answer = await handler(method, path, headers, body, query)
        if late:
            await _pass(late["seconds"])
        return answer

    return handle


async def _pass(seconds: float) -> None:
    """So many real seconds, or until delays are forgotten."""
    until, began = time.monotonic() + seconds, _forgotten
    while time.monotonic() < until and _forgotten == began:
        await asyncio.sleep(0.05)


def install() -> None:
    for service in _ANSWERS:
        app.SERVICE_HANDLERS[service] = _wrapped(service, app.SERVICE_HANDLERS[service])
