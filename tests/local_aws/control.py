"""The controls: `/_local/*` on the emulator's own endpoint. Everything else goes to MiniStack.

A control takes and answers JSON; what it can't use it answers with 400 and one sentence.
"""

import json

from ministack import app as ministack

from tests.local_aws import context
from tests.local_aws.clock import PATIENCE
from tests.local_aws.durations import moment_of, rfc3339, seconds_of

_routes = {}
_served = {}


class BadInput(ValueError):
    """Something asked of a control that it can't do; the text is for whoever asked."""


def route(method: str, path: str):
    """Registers a control: a function of the request's JSON that returns the answer's."""

    def put(function):
        _routes[(method, f"/_local/{path}")] = function
        return function

    return put


def serves(prefix: str):
    """Registers who answers what is asked for below a path: a function of path, query and headers that returns
    status, headers and bytes."""

    def put(function):
        _served[prefix] = function
        return function

    return put


def fields(body, /, *required, **optional) -> list:
    """The values of the named members, which must be all there is."""
    unknown = sorted(set(body) - {*required, *optional})
    if unknown:
        known = ", ".join([*required, *optional])
        raise BadInput(f"{', '.join(unknown)} is not known here: this control takes {known}")
    for name in required:
        if body.get(name) in (None, ""):
            raise BadInput(f"{name} is missing")
    return [body[name] for name in required] + [body.get(name, value) for name, value in optional.items()]


@route("GET", "clock")
def _tell_clock(_body):
    return {"now": rfc3339(context.clock.now()), "offset_seconds": context.clock.offset()}


@route("POST", "clock")
def _move_clock(body):
    advance, moment, patience = fields(body, advance=None, set=None, patience=PATIENCE)
    if (advance is None) == (moment is None):
        raise BadInput('give one of {"advance": "6h"} and {"set": "2026-11-01T02:00:00Z"}')
    if advance is not None:
        quiet = context.clock.advance(seconds_of(advance), float(patience))
    else:
        quiet = context.clock.set(moment_of(moment), float(patience))
    return {**_tell_clock({}), "quiet": quiet}


async def app(scope, receive, send) -> None:
    if scope["type"] != "http" or not scope["path"].startswith("/_local/"):
        await ministack.app(scope, receive, send)
        return
    serve = next((serve for prefix, serve in _served.items() if scope["path"].startswith(prefix)), None)
    if scope["method"] == "GET" and serve:
        asked = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        status, told, body = serve(scope["path"], scope["query_string"].decode(), asked)
    else:
        status, answer = await _answer(scope, receive)
        told, body = {"content-type": "application/json"}, json.dumps(answer).encode() + b"\n"
    told["content-length"] = str(len(body))
    headers = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer(scope, receive):
    from ministack.core.concurrency import run_reentrant

    handler = _routes.get((scope["method"], scope["path"]))
    if handler is None:
        known = sorted({f"{method} {path}" for method, path in _routes})
        return 404, {"error": f"no such control; there are {', '.join(known)}"}
    raw = b""
    while True:
        message = await receive()
        raw += message.get("body", b"")
        if not message.get("more_body"):
            break
    try:
        body = json.loads(raw) if raw.strip() else {}
        if not isinstance(body, dict):
            raise BadInput("a control takes a JSON object")
        return 200, await run_reentrant(handler, body, thread_name="local-control")
    except json.JSONDecodeError as error:
        return 400, {"error": f"this is not JSON: {error}"}
    except ValueError as error:
        return 400, {"error": str(error)}
