import json
import uuid

import pytest


@pytest.fixture
def put(aws):
    table = aws.client("dynamodb")

    def write(*keys, **attributes):
        requests = [{"PutRequest": {"Item": {"id": {"S": key}, **attributes}}} for key in keys]
        table.batch_write_item(RequestItems={aws.outputs["TableName"]: requests})

    return write


@pytest.fixture
def saw(aws):
    """How often the function has seen a key."""

    def count(key):
        return aws.logs(aws.outputs["StreamerFunctionName"]).count(f"saw {key} ")

    return count


def set_aside(aws):
    """What the mapping has given up."""
    queue, found = aws.client("sqs"), []
    while True:
        messages = queue.receive_message(QueueUrl=aws.outputs["DeadLettersUrl"], MaxNumberOfMessages=10).get(
            "Messages", []
        )
        found += [json.loads(one["Body"]) for one in messages]
        for one in messages:
            queue.delete_message(QueueUrl=aws.outputs["DeadLettersUrl"], ReceiptHandle=one["ReceiptHandle"])
        if not messages:
            return [one for one in found if "DDBStreamBatchInfo" in one]


def test_records_arrive_filtered(aws, put, saw):
    run = uuid.uuid4().hex
    put(f"good-{run}", f"ignored-{run}", f"after-{run}")
    aws.wait_until(lambda: saw(f"after-{run}"))
    assert saw(f"good-{run}") == 1 and saw(f"ignored-{run}") == 0


def test_a_bad_record_is_set_aside_and_the_others_are_not(aws, put, saw):
    run = uuid.uuid4().hex
    put(f"good-{run}", f"bad-{run}", f"later-{run}")
    aws.wait_until(lambda: saw(f"later-{run}"))
    assert saw(f"good-{run}") == 1
    given_up = aws.wait_until(lambda: set_aside(aws))
    assert [one["requestContext"]["condition"] for one in given_up] == ["RetryAttemptsExhausted"]
    assert given_up[0]["DDBStreamBatchInfo"]["batchSize"] == 1


def test_a_batch_that_fails_as_a_whole_is_halved(aws, put, saw):
    run = uuid.uuid4().hex
    put(f"a-{run}", f"burst-{run}", f"z-{run}")
    aws.wait_until(lambda: saw(f"z-{run}"))
    assert saw(f"burst-{run}") >= 3
    assert len(aws.wait_until(lambda: set_aside(aws))) == 1
