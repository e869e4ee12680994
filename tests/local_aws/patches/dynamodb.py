"""DynamoDB: conflicts of transactions on demand, and expired items that go by the virtual clock and are told.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
"""

import json
import logging
import threading
import time

from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import dynamodb

from tests.local_aws import context, control
from tests.local_aws.patches.source import replace

_REAPER = "dynamodb-ttl-reaper"
_lock = threading.Lock()
_conflicts = 0


@control.route("POST", "transaction-conflict")
def _arm(body):
    global _conflicts
    (count,) = control.fields(body, count=1)
    if not isinstance(count, int) or count < 1:
        raise control.BadInput(f"count {count!r} is not a number of transactions")
    with _lock:
        _conflicts += count
        return {"armed": _conflicts}


def _conflicted(data: dict):
    """The answer of a transaction that met another one, if one is asked for."""
    global _conflicts
    with _lock:
        if not _conflicts:
            return None
        _conflicts -= 1
    reasons = [{"Code": "None"} for _ in data.get("TransactItems", [])]
    reasons[0] = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
    codes = ", ".join(reason["Code"] for reason in reasons)
    body = {
        "__type": "TransactionCanceledException",
        "Message": f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        "CancellationReasons": reasons,
    }
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-errortype": "TransactionCanceledException"}
    return 400, headers, json.dumps(body).encode()


def sweep() -> None:
    """Removes what has expired; the stream tells that it was the service that removed it."""
    now = time.time()
    for (account, region, name), setting in list(dynamodb._ttl_settings.all_items()):
        table = dynamodb._tables.get_scoped(account, region, name)
        if setting.get("TimeToLiveStatus") != "ENABLED" or not table:
            continue
        set_request_account_id(account)
        set_request_region(region)
        with dynamodb._lock:
            for partition, items in list(table["items"].items()):
                for sort, item in list(items.items()):
                    if _expired(item.get(setting["AttributeName"]), now):
                        _expire(name, table, partition, sort, item)


def _expired(value: dict | None, now: float) -> bool:
    """Only a number counts, and none older than five years."""
    if not value or "N" not in value:
        return False
    return now - 5 * 365 * 86400 < float(value["N"]) <= now


def _expire(name: str, table: dict, partition, sort, item: dict) -> None:
    dynamodb._remove_item(table, partition, sort)
    dynamodb._emit_stream_event(name, "REMOVE", item, None)
    records = dynamodb._stream_records.get(name)
    if records and records[-1]["eventName"] == "REMOVE":
        records[-1]["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def _loop() -> None:
    while True:
        time.sleep(2)
        try:
            sweep()
        except Exception:
            logging.getLogger("local").exception("expired items could not be removed")


def install() -> None:
    @replace(dynamodb, "_remove_item", "5cce50c99688")
    def remove_item(table, partition, sort):
        # MiniStack's own reaper, which runs already, would remove without a word.
        if threading.current_thread().name != _REAPER:
            remove_item.original(table, partition, sort)

    @replace(dynamodb, "_transact_write_items", "d931eab08754")
    def transact_write_items(data):
        return _conflicted(data) or transact_write_items.original(data)

    threading.Thread(target=_loop, daemon=True, name="local-ttl").start()
    context.clock.after_move(lambda _: sweep())
