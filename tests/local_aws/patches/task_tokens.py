"""Task tokens: what waits for one, and who answers it.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html
"""

import base64
import contextlib
import contextvars
import json
import os
import threading
import time

from ministack.core.responses import error_response_json, json_response
from ministack.services import stepfunctions as sfn

from tests.local_aws import context
from tests.local_aws.patches.source import replace

_closed = set()
parked = set()
# Each function has a machine of its own on AWS. Here they share one: executions invoke so many at once that each has time
# to end. The time that a task may take begins when it is its turn.
turns = threading.BoundedSemaphore(16)


@contextlib.contextmanager
def parking(execution: dict | None):
    """While an execution waits for nothing but a moment or an answer."""
    arn = (execution or {}).get("executionArn")
    parked.add(arn)
    try:
        yield
    finally:
        parked.discard(arn)


def new() -> str:
    """About as long as a real one, so that whoever stores it has room for it."""
    return "AQCkAAAA" + base64.b64encode(os.urandom(480)).decode().rstrip("=")


class Call:
    """A call of a service in a thread of its own, in the scope of whoever makes it."""

    def __init__(self, about, function, *arguments):
        self.done = False
        self._about = about
        self._value, self._error = None, None
        scope = contextvars.copy_context()
        threading.Thread(
            target=scope.run, args=(self._run, function, arguments), daemon=True, name="local-task"
        ).start()

    def _run(self, function, arguments):
        try:
            self._value = function(*arguments)
        except Exception as error:  # it is the task's, and raised where the task is waited for
            self._error = error
        self.done = True
        context.clock.tell(self._about)

    @property
    def failed(self) -> bool:
        return self.done and self._error is not None

    def answer(self):
        if self._error is not None:
            raise self._error
        return self._value


def _invoke(resource, arguments):
    with turns:
        return sfn._invoke_resource(resource, arguments)


def wait(resource, arguments, token, execution, timeout, heartbeat):
    """Calls the service, then waits for the token's answer, at most so many virtual seconds."""
    task = {"event": threading.Event(), "result": None, "error": None, "heartbeat": time.time(), "execution": execution}
    sfn._task_tokens[token] = task
    ends = None if timeout is None else time.time() + timeout

    def over():
        return task["event"].is_set() or execution["status"] != "RUNNING"

    arn = execution["executionArn"]
    call = Call(arn, _invoke, resource.removesuffix(".waitForTaskToken"), arguments)
    try:
        while True:
            misses = None if heartbeat is None else task["heartbeat"] + heartbeat
            deadline = min((one for one in (ends, misses) if one is not None), default=None)
            if call.done and not call.failed:
                with parking(execution):
                    context.clock.wait(deadline, over, arn)
            else:
                context.clock.wait(deadline, lambda: over() or call.done, arn)
            if task["event"].is_set():
                return _result(task)
            if execution["status"] != "RUNNING":
                raise sfn._ExecutionError("States.Aborted", "The execution was stopped.")
            if call.failed:
                call.answer()
            if ends is not None and time.time() >= ends:
                raise sfn._ExecutionError("States.Timeout", f"No answer within {timeout:g} seconds.")
            if heartbeat is not None and time.time() >= task["heartbeat"] + heartbeat:
                raise sfn._ExecutionError("States.HeartbeatTimeout", f"No heartbeat within {heartbeat:g} seconds.")
    finally:
        sfn._task_tokens.pop(token, None)
        _closed.add(token)


def _result(task: dict):
    if task["error"]:
        raise sfn._ExecutionError(task["error"]["Error"], task["error"]["Cause"])
    return json.loads(task["result"])


def _open(data: dict):
    """The task of a token that can still be answered, or the error."""
    token = data.get("taskToken")
    task = sfn._task_tokens.get(token)
    if task is not None and not task["event"].is_set():
        execution = task.get("execution")
        if execution is None or execution["status"] == "RUNNING":
            return task, None
    if task is not None or token in _closed:
        return None, error_response_json("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'", 400)
    return None, error_response_json("InvalidToken", "Invalid Token: 'Invalid token'", 400)


def install() -> None:
    @replace(sfn, "_send_task_success", "12eff48bce57")
    def success(data):
        task, refused = _open(data)
        if refused:
            return refused
        try:
            json.loads(data.get("output", ""))
        except ValueError:
            return error_response_json("InvalidOutput", "Invalid Output: 'Invalid output'", 400)
        task["result"] = data["output"]
        return _answered(task)

    @replace(sfn, "_send_task_failure", "c2a489b4ed33")
    def failure(data):
        task, refused = _open(data)
        if refused:
            return refused
        task["error"] = {"Error": data.get("error") or "States.TaskFailed", "Cause": data.get("cause", "")}
        return _answered(task)

    @replace(sfn, "_send_task_heartbeat", "56879a4655d1")
    def heartbeat(data):
        task, refused = _open(data)
        if refused:
            return refused
        task["heartbeat"] = time.time()
        return json_response({})


def _answered(task: dict):
    task["event"].set()
    context.clock.tell((task.get("execution") or {}).get("executionArn", ""))
    return json_response({})
