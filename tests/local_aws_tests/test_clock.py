import time
import uuid

import pytest


def ticks(aws):
    return aws.logs(aws.outputs["TickerFunctionName"]).count("tick")


def test_functions_and_services_see_the_moved_time(aws):
    before = aws.invoke(aws.outputs["WorkerFunctionName"], {"do": "time"})
    aws.clock.advance("6h")
    after = aws.invoke(aws.outputs["WorkerFunctionName"], {"do": "time"})
    assert 6 * 3600 <= after - before < 6 * 3600 + 30
    queue = aws.client("sqs").create_queue(QueueName=f"q-{uuid.uuid4()}")["QueueUrl"]
    attributes = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["CreatedTimestamp"])[
        "Attributes"
    ]
    assert abs(float(attributes["CreatedTimestamp"]) - after) < 30


def test_time_flows(aws):
    first = aws.invoke(aws.outputs["WorkerFunctionName"], {"do": "time"})
    time.sleep(1)
    assert 0.9 < aws.invoke(aws.outputs["WorkerFunctionName"], {"do": "time"}) - first < 5


def test_a_schedule_fires_once_for_a_long_jump(aws):
    aws.clock.advance("6m")
    before = ticks(aws)
    assert before > 0
    aws.clock.advance("30d")
    assert ticks(aws) == before + 1


def test_a_message_is_delayed_in_virtual_time(aws):
    sqs = aws.client("sqs")
    queue = sqs.create_queue(QueueName=f"q-{uuid.uuid4()}")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="late", DelaySeconds=900)
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    aws.clock.advance("16m")
    assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "late"


def test_an_item_expires_and_its_stream_tells(aws):
    key = f"old-{uuid.uuid4()}"
    expires = aws.invoke(aws.outputs["WorkerFunctionName"], {"do": "time"}) + 3600
    table = aws.client("dynamodb")
    item = {"id": {"S": key}, "expires": {"N": str(int(expires))}}
    table.put_item(TableName=aws.outputs["TableName"], Item=item)
    aws.clock.advance("2h")
    assert "Item" not in table.get_item(TableName=aws.outputs["TableName"], Key={"id": {"S": key}})
    assert f"saw {key} REMOVE dynamodb.amazonaws.com" in aws.logs(aws.outputs["StreamerFunctionName"])


def test_the_clock_refuses_nonsense_in_a_sentence(aws):
    for body in (
        {"advance": "soon"},
        {"set": "tomorrow"},
        {"set": "2026-11-01T02:00:00"},
        {},
        {"advance": "1h", "to": 1},
    ):
        with pytest.raises(ValueError) as refused:
            aws.control("clock", body)
        assert len(str(refused.value)) > 10
