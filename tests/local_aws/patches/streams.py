"""DynamoDB streams to functions: partial failures, retries, bisecting, age, filters, and what is set aside.

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html

Each mapping works in a thread of its own, one batch at a time. A batch that has to be tried again is a list
of spans of the stream, so that a half of it can be tried by itself.
"""

import json
import threading
import time
from dataclasses import dataclass, field

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.concurrency import spawn_background
from ministack.core.responses import get_account_id, get_region, set_request_account_id, set_request_region
from ministack.services import dynamodb, eventbridge, lambda_svc

from tests.local_aws.patches.source import replace

_BACK_OFF, _LONGEST_BACK_OFF = 0.1, 2.0


@dataclass
class Span:
    """A part of the stream that is being worked on: positions, and how often it has failed."""

    start: int
    stop: int
    failures: int = 0


@dataclass
class Mapping:
    """The work of one event source mapping."""

    spans: list = field(default_factory=list)
    busy: bool = False
    not_before: float = 0.0


_mappings = {}
_lock = threading.Lock()


def poll() -> bool:
    """Sets every mapping to work that has something to do."""
    for account, region, esm in lambda_svc._iter_all_esms():
        set_request_account_id(account)
        set_request_region(region)
        source = _source(esm)
        if source is None or not esm.get("Enabled", True):
            continue
        with _lock:
            mapping = _mappings.setdefault(esm["UUID"], Mapping())
            if mapping.busy or time.monotonic() < mapping.not_before or not _has_work(esm, mapping, source):
                continue
            mapping.busy = True
        spawn_background(_work, esm, mapping, source, thread_name="local-stream")
    return False


def settled() -> bool:
    """Is nothing being worked on or waiting, besides what has failed and will be tried for ever?"""
    for account, region, esm in lambda_svc._iter_all_esms():
        set_request_account_id(account)
        set_request_region(region)
        source = _source(esm)
        if source is None or not esm.get("Enabled", True):
            continue
        mapping = _mappings.get(esm["UUID"], Mapping())
        stuck = mapping.spans and mapping.spans[0].failures and int(esm.get("MaximumRetryAttempts", -1)) < 0
        if mapping.busy or (not stuck and _has_work(esm, mapping, source)):
            return False
    return True


def _source(esm: dict) -> str | None:
    """The table of a mapping whose source is its stream."""
    try:
        arn = parse_arn(esm.get("EventSourceArn", ""))
    except ArnParseError:
        return None
    if arn.service != "dynamodb" or (arn.account_id, arn.region) != (get_account_id(), get_region()):
        return None
    table, _label = lambda_svc._dynamodb_stream_table_from_arn_spec(arn) or (None, None)
    found = dynamodb._tables.get(table) if table else None
    return table if found and found.get("LatestStreamArn") == esm["EventSourceArn"] else None


def _position(esm: dict, table: str) -> int:
    with lambda_svc._dynamodb_stream_positions_lock:
        positions = lambda_svc._dynamodb_stream_positions
        horizon = dynamodb.stream_start_position(table)
        if esm["UUID"] not in positions:
            from_start = esm.get("StartingPosition", "LATEST") == "TRIM_HORIZON"
            positions[esm["UUID"]] = horizon if from_start else dynamodb.stream_end_position(table)
        positions[esm["UUID"]] = max(positions[esm["UUID"]], horizon)
        return positions[esm["UUID"]]


def _has_work(esm: dict, mapping: Mapping, table: str) -> bool:
    return bool(mapping.spans) or _position(esm, table) < dynamodb.stream_end_position(table)


def _work(esm: dict, mapping: Mapping, table: str) -> None:
    """One span, or the next batch."""
    try:
        if not mapping.spans:
            start = _position(esm, table)
            batch = dynamodb.stream_records_since(table, start, int(esm.get("BatchSize", 100)))
            mapping.spans.append(Span(start, start + len(batch)))
        _try(esm, mapping, table)
    finally:
        mapping.busy = False
        lambda_svc._esm_wake.set()


def _try(esm: dict, mapping: Mapping, table: str) -> None:
    span = mapping.spans[0]
    function, _config = lambda_svc._get_func_record_for_qualifier(esm["FunctionName"], esm.get("Qualifier"))
    if function is None:
        mapping.not_before = time.monotonic() + _LONGEST_BACK_OFF
        return
    records = dynamodb.stream_records_since(table, span.start, span.stop - span.start)
    wanted = [(span.start + offset, one) for offset, one in enumerate(records) if _passes(one, esm)]
    if not wanted:
        _done(esm, mapping, span)
        return
    result = lambda_svc._execute_function(function, {"Records": [one for _, one in wanted]})
    failed_at = _first_failure(esm, result, wanted)
    if failed_at is None:
        esm["LastProcessingResult"] = "OK"
        _done(esm, mapping, span)
        return
    esm["LastProcessingResult"] = "PROBLEM: Function call failed"
    if failed_at > wanted[0][0]:
        # What came before is done; the rest is a batch of its own.
        _advance(esm, failed_at)
        span.start, span.failures = failed_at, 0
        _pause(mapping, 1)
        return
    _failed(esm, mapping, span, function, [one for _, one in wanted], result)


def _failed(esm, mapping, span, function, records, result) -> None:
    """The first record of a span has failed: it is halved, tried again, or set aside."""
    if _too_old(esm, records):
        _set_aside(esm, mapping, span, function, records, result, "MaxRecordAgeExceeded")
    elif esm.get("BisectBatchOnFunctionError") in (True, "true") and span.stop - span.start > 1:
        middle = (span.start + span.stop) // 2
        mapping.spans[0:1] = [Span(span.start, middle, span.failures), Span(middle, span.stop, span.failures)]
        _pause(mapping, 1)
    else:
        span.failures += 1
        limit = int(esm.get("MaximumRetryAttempts", -1))
        if 0 <= limit < span.failures:
            _set_aside(esm, mapping, span, function, records, result, "RetryAttemptsExhausted")
        else:
            _pause(mapping, span.failures)


def _set_aside(esm, mapping, span, function, records, result, why) -> None:
    lambda_svc._send_ddb_stream_failure_record(esm, function, records, esm["EventSourceArn"], result, why)
    _done(esm, mapping, span)


def _done(esm: dict, mapping: Mapping, span: Span) -> None:
    _advance(esm, span.stop)
    mapping.spans.pop(0)
    mapping.not_before = 0.0


def _advance(esm: dict, position: int) -> None:
    with lambda_svc._dynamodb_stream_positions_lock:
        lambda_svc._dynamodb_stream_positions[esm["UUID"]] = position


def _pause(mapping: Mapping, failures: int) -> None:
    """Between attempts, in real time; the poller is woken when it is over."""
    seconds = min(_BACK_OFF * 2 ** (failures - 1), _LONGEST_BACK_OFF)
    mapping.not_before = time.monotonic() + seconds
    timer = threading.Timer(seconds, lambda_svc._esm_wake.set)
    timer.daemon = True
    timer.start()


def _too_old(esm: dict, records: list) -> bool:
    oldest = min(float(one["dynamodb"]["ApproximateCreationDateTime"]) for one in records)
    limit = int(esm.get("MaximumRecordAgeInSeconds", -1))
    return 0 < limit < time.time() - oldest


def _first_failure(esm: dict, result: dict, wanted: list) -> int | None:
    """The position of the first record that must be tried again; None when all is well."""
    first = wanted[0][0]
    if result.get("error"):
        return first
    if "ReportBatchItemFailures" not in (esm.get("FunctionResponseTypes") or []):
        return None
    body = result.get("body")
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return first
    failures = (body or {}).get("batchItemFailures") if isinstance(body, dict) or body is None else [None]
    if not failures:
        return None
    positions = {one["dynamodb"]["SequenceNumber"]: position for position, one in wanted}
    try:
        return min(positions[failure["itemIdentifier"]] for failure in failures)
    except (KeyError, TypeError):
        return first


def _passes(record: dict, esm: dict) -> bool:
    filters = (esm.get("FilterCriteria") or {}).get("Filters") or []
    return not filters or any(eventbridge._matches_detail(record, json.loads(one["Pattern"])) for one in filters)


def install() -> None:
    replace(lambda_svc, "_poll_dynamodb_streams", "2b2460e933a9")(poll)
