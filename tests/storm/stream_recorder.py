"""Every change of the state table, in its order, as the table's stream tells it.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html
"""

import threading
from dataclasses import dataclass

from tests.system.table import plain


@dataclass(frozen=True)
class Change:
    """One write to one item: what it was, and what it became."""

    pk: str
    sk: str
    old: dict | None
    new: dict | None
    at: int

    def was(self, name: str):
        return (self.old or {}).get(name)

    def became(self, name: str):
        return (self.new or {}).get(name)


class StreamRecorder:
    """Reads the stream. DynamoDB keeps it for a day, so whoever moves the clock reads before."""

    def __init__(self, aws):
        self._streams = aws.client("dynamodbstreams")
        table = aws.client("dynamodb").describe_table(TableName=aws.outputs["TableName"])["Table"]
        self._arn = table["LatestStreamArn"]
        [shard] = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        self._shard, self._last, self._changes = shard["ShardId"], None, []
        self._lock = threading.Lock()

    def changes(self) -> list:
        """Everything so far, oldest first."""
        with self._lock:
            iterator = self._iterator()
            while iterator:
                page = self._streams.get_records(ShardIterator=iterator)
                self._changes += map(_change, page["Records"])
                if not page["Records"]:
                    break
                self._last = page["Records"][-1]["dynamodb"]["SequenceNumber"]
                iterator = page.get("NextShardIterator")
            return list(self._changes)

    def _iterator(self) -> str:
        place = {"StreamArn": self._arn, "ShardId": self._shard}
        if self._last:
            try:
                after = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._last}
                return self._streams.get_shard_iterator(**place, **after)["ShardIterator"]
            except self._streams.exceptions.TrimmedDataAccessException:
                pass  # all that was read is more than a day old; nothing was written since the last look before that
        return self._streams.get_shard_iterator(**place, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]


def _change(record: dict) -> Change:
    told = record["dynamodb"]
    old, new = (plain(told[name]) if told.get(name) else None for name in ("OldImage", "NewImage"))
    keys = plain(told["Keys"])
    return Change(keys["pk"], keys["sk"], old, new, int(told["ApproximateCreationDateTime"].timestamp()))
