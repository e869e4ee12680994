"""Events reach functions by asynchronous invocation: tried again on failure, then set aside.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html

The minutes that Lambda waits between attempts are parts of a second here, in real time.
"""

import json
import logging
import threading
import time

from ministack.core.concurrency import spawn_background
from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import eventbridge, lambda_svc, sns

from tests.local_aws.patches.source import replace

_BETWEEN = (0.2, 0.4)
_lock = threading.Lock()
_under_way = 0


def under_way() -> int:
    """How many events are being delivered or wait to be tried again."""
    return _under_way


def deliver(function: dict, event) -> None:
    global _under_way
    with _lock:
        _under_way += 1
    spawn_background(_deliver, function, event, thread_name="local-event")


def _deliver(function: dict, event) -> None:
    global _under_way
    try:
        config = function.get("config") or function
        asked = function.get("event_invoke_config") or (function.get("event_invoke_configs") or {}).get("$LATEST") or {}
        retries = asked.get("MaximumRetryAttempts")
        retries = len(_BETWEEN) if retries is None else int(retries)
        for pause in (*_BETWEEN[:retries], None):
            result = lambda_svc._execute_function_with_config_scope(function, event)
            if not result.get("error"):
                return
            if pause is not None:
                time.sleep(pause)
        _set_aside(config, asked, event, result)
    finally:
        with _lock:
            _under_way -= 1


def _set_aside(config: dict, asked: dict, event, result: dict) -> None:
    name = config.get("FunctionName", "")
    logging.getLogger("local").warning("%s has failed for good: %s", name, json.dumps(result.get("body"), default=str))
    destination = (asked.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
    destination = destination or (config.get("DeadLetterConfig") or {}).get("TargetArn")
    if destination:
        account, region = lambda_svc._account_region_from_function_config(config)
        set_request_account_id(account)
        set_request_region(region)
        lambda_svc._route_async_failure(destination, name, event, result)


def install() -> None:
    replace(lambda_svc, "invoke_async_with_retry", "289fe4d3cbd4")(deliver)

    @replace(sns, "_deliver_to_lambda", "aa6b8a8c312e")
    def deliver_notice(endpoint, envelope, _topic, subscription, *_):
        record = {
            "EventVersion": "1.0",
            "EventSubscriptionArn": subscription,
            "EventSource": "aws:sns",
            "Sns": json.loads(envelope),
        }
        _to(endpoint, {"Records": [record]})

    @replace(eventbridge, "_dispatch_to_lambda", "1f95adbaed3a")
    def dispatch(arn, payload):
        _to(arn, json.loads(payload))


def _to(arn: str, event) -> None:
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if function and config:
        deliver(lambda_svc._execution_record_for_config(function, config), event)
    else:
        logging.getLogger("local").warning("an event's target, the function %s, is not there", name)
