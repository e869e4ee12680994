"""Step Functions: tasks that wait, time out and are stopped; executions whose names are taken.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html
"""

import contextvars
import json
import random
import re
import time

from jsonata.timebox import Timebox
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response
from ministack.services import stepfunctions as sfn

from tests.local_aws import context
from tests.local_aws.patches import task_tokens
from tests.local_aws.patches.source import replace

_current = contextvars.ContextVar("execution", default=None)
# The executions that wait for a virtual moment or for an answer, and for nothing else.
parked = task_tokens.parked
_LONGEST = 99999999
# A back-off between attempts stays in real time, but nobody waits longer than this for a test.
_LONGEST_BACK_OFF = 5.0
_BAD_NAME = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")


def current() -> dict | None:
    """The execution that this thread works for."""
    return _current.get()


def running(execution) -> bool:
    return execution is None or execution["status"] == "RUNNING"


def _sleep(seconds: float) -> None:
    """A Wait state: virtual time, and no longer than its execution lasts."""
    execution = _current.get()
    with task_tokens.parking(execution):
        context.clock.sleep(seconds, lambda: not running(execution), (execution or {}).get("executionArn"))


def _back_off(retrier: dict, attempt: int) -> None:
    seconds = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** attempt
    seconds = min(seconds, retrier.get("MaxDelaySeconds", _LONGEST), _LONGEST_BACK_OFF)
    if retrier.get("JitterStrategy") == "FULL":
        seconds *= random.random()
    execution = _current.get()
    end = time.monotonic() + seconds
    while running(execution) and time.monotonic() < end:
        time.sleep(min(0.1, max(0.0, end - time.monotonic())))


def _seconds(state: dict, field: str, raw_input, ctx) -> float | None:
    """`TimeoutSeconds` or `HeartbeatSeconds`: a number, an expression or a path."""
    if f"{field}Path" in state:
        value = sfn._resolve_path_or_ctx(state[f"{field}Path"], raw_input, ctx)
    elif isinstance(state.get(field), str):
        value = sfn._jsonata_state_field(state, field, "number", raw_input, ctx)
    else:
        value = state.get(field)
    if value is None:
        return None
    if value != int(value) or not 0 < value <= _LONGEST:
        raise sfn._ExecutionError(
            "States.Runtime", f"The {field} field must be a positive whole number, but was: {value}"
        )
    return float(value)


def _call(resource: str, arguments, timeout: float | None):
    """A task that answers by itself; only one with a time-out needs a thread of its own."""
    if timeout is None:
        return sfn._invoke_resource(resource, arguments)
    with task_tokens.turns:
        return _timed(resource, arguments, timeout)


def _timed(resource: str, arguments, timeout: float):
    execution = _current.get()
    arn = (execution or {}).get("executionArn", "")
    call = task_tokens.Call(arn, sfn._invoke_resource, resource, arguments)
    if not context.clock.sleep(timeout, lambda: call.done or not running(execution), arn):
        raise sfn._ExecutionError("States.Timeout", f"The task ran longer than {timeout:g} seconds.")
    if not call.done:
        raise sfn._ExecutionError("States.Aborted", "The execution was stopped.")
    return call.answer()


def execute_task(state, raw_input, execution, ctx):
    """A Task state with its Retry and Catch: every attempt has its own token."""
    jsonata = sfn._state_query_language(state, ctx) == "JSONata"
    counts = {}
    while True:
        ctx["State"]["RetryCount"] = sum(counts.values())
        try:
            return _attempt(state, raw_input, execution, ctx, jsonata)
        except sfn._ExecutionError as error:
            if not running(execution):
                raise
            _note_failure(execution, state, error)
            retrier, position = sfn._find_matching_retrier(state.get("Retry", []), error.error, counts)
            if retrier is None:
                return _catch(state, raw_input, ctx, jsonata, error)
            _back_off(retrier, counts.get(position, 0))
            counts[position] = counts.get(position, 0) + 1
            if not running(execution):
                raise


def _attempt(state, raw_input, execution, ctx, jsonata):
    resource = state.get("Resource", "")
    waits = resource.endswith(".waitForTaskToken")
    if waits:
        ctx["Task"] = {"Token": task_tokens.new()}
    timeout = _seconds(state, "TimeoutSeconds", raw_input, ctx)
    heartbeat = _seconds(state, "HeartbeatSeconds", raw_input, ctx)
    if jsonata:
        arguments = sfn._apply_jsonata_arguments(state, raw_input, ctx)
    else:
        arguments = sfn._apply_parameters(state, sfn._apply_input_path(state, raw_input, ctx), ctx)
    kind = "lambda" if "lambda" in resource else resource.split(":")[-2] if "aws-sdk" in resource else "states"
    about = {"resourceType": kind, "resource": resource}
    sfn._add_event(execution, "TaskScheduled", {"taskScheduledEventDetails": about})
    sfn._add_event(execution, "TaskStarted", {"taskStartedEventDetails": about})
    if waits:
        result = task_tokens.wait(resource, arguments, ctx["Task"]["Token"], execution, timeout, heartbeat)
    else:
        result = _call(resource, arguments, timeout)
    sfn._add_event(execution, "TaskSucceeded", {"taskSucceededEventDetails": {**about, "output": json.dumps(result)}})
    if jsonata:
        output = sfn._apply_jsonata_output(state, raw_input, ctx, result=result, default=result)
        sfn._apply_state_assign(state, raw_input, ctx, result=result)
    else:
        output = sfn._apply_result_path(state, raw_input, sfn._apply_result_selector(state, result))
        output = sfn._apply_output_path(state, output, ctx)
    return output, sfn._next_or_end(state)


def _note_failure(execution, state, error) -> None:
    kind = "TaskTimedOut" if error.error in ("States.Timeout", "States.HeartbeatTimeout") else "TaskFailed"
    sfn._add_event(
        execution,
        kind,
        {
            f"t{kind[1:]}EventDetails": {
                "error": error.error,
                "cause": error.cause,
                "resource": state.get("Resource", ""),
            }
        },
    )


def _catch(state, raw_input, ctx, jsonata, error):
    catcher = sfn._find_matching_catcher(state.get("Catch", []), error.error)
    if catcher is None:
        raise error
    told = {"Error": error.error, "Cause": error.cause}
    language = "JSONata" if jsonata else "JSONPath"
    return sfn._apply_catcher(catcher, raw_input, ctx, language, told), catcher["Next"]


def error_matches(names: list, error: str) -> bool:
    """States.ALL doesn't catch what no state can; a missed heartbeat is a time-out too."""
    if error in names:
        return True
    if error in ("States.Runtime", "States.DataLimitExceeded"):
        return False
    if error == "States.HeartbeatTimeout" and "States.Timeout" in names:
        return True
    return "States.ALL" in names or (
        "States.TaskFailed" in names and error not in ("States.Timeout", "States.HeartbeatTimeout")
    )


def _taken(data: dict):
    """What is answered when an execution of this name is there already, or its name or input is no good."""
    name, given = data.get("name"), data.get("input", "{}")
    if name is not None and (not 1 <= len(name) <= 80 or _BAD_NAME.search(name)):
        return error_response_json("InvalidName", f"Invalid Name: '{name}'", 400)
    try:
        json.loads(given)
    except ValueError:
        return error_response_json("InvalidExecutionInput", "Invalid State Machine Execution Input", 400)
    machine = sfn._resolve_state_machine_arn(data.get("stateMachineArn", ""))
    if name is None or machine is None:
        return None
    arn = f"arn:aws:states:{get_region()}:{get_account_id()}:execution:{sfn._state_machines[machine]['name']}:{name}"
    found = sfn._executions.get(arn)
    if found is None:
        return None
    if running(found) and found["input"] == given:
        return json_response({"executionArn": arn, "startDate": found["startDate"]})
    return error_response_json("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'", 400)


def install() -> None:
    replace(sfn, "_execute_task", "53c818d247db")(execute_task)
    replace(sfn, "_scaled_sleep", "5ed19df2efa9")(_sleep)
    # An expression has a second of its thread: a clock that is moved and a machine that is busy take none of it.
    replace(Timebox, "current_milli_time", "4210e3213a45")(lambda: round(time.thread_time() * 1000))
    replace(sfn, "_error_matches", "519b9dc729c5")(error_matches)

    @replace(sfn, "_run_execution", "996dff84e0e0")
    def run_execution(arn):
        _current.set(sfn._executions.get(arn))
        run_execution.original(arn)

    @replace(sfn, "_fail_execution", "e6da895fa0b7")
    def fail_execution(execution, error, cause):
        if running(execution):
            fail_execution.original(execution, error, cause)

    @replace(sfn, "_start_execution", "9923282fc76c")
    def start_execution(data):
        return _taken(data) or start_execution.original(data)

    @replace(sfn, "_stop_execution", "44d2d84ccd5c")
    def stop_execution(data):
        answer = stop_execution.original(data)
        context.clock.tell(data.get("executionArn", ""))
        return answer

    task_tokens.install()
