import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def states(aws):
    return aws.client("stepfunctions")


@pytest.fixture
def run(aws, states):
    def start(**given):
        return states.start_execution(stateMachineArn=aws.outputs["MachineArn"], input=json.dumps(given))[
            "executionArn"
        ]

    return start


@pytest.fixture
def ended(aws, states):
    def wait(arn):
        def over():
            told = states.describe_execution(executionArn=arn)
            return told["status"] != "RUNNING" and told

        return aws.wait_until(over, 10)

    return wait


def token_in_log(aws, mark):
    """The token that the function has been given, by the text of its request."""
    lines = [line for line in aws.logs(aws.outputs["WorkerFunctionName"]).splitlines() if "token " in line]
    return lines[-1].split("token ")[1] if len(lines) > mark else None


def tokens_so_far(aws):
    return sum("token " in line for line in aws.logs(aws.outputs["WorkerFunctionName"]).splitlines())


def test_a_callback_is_answered(aws, states, run, ended):
    mark = tokens_so_far(aws)
    arn = run(path="callback", seconds=3600, payload={})
    token = aws.wait_until(lambda: token_in_log(aws, mark))
    states.send_task_success(taskToken=token, output='{"built": true}')
    assert json.loads(ended(arn)["output"]) == {"built": True}
    with pytest.raises(ClientError, match="TaskTimedOut"):
        states.send_task_success(taskToken=token, output="{}")
    with pytest.raises(ClientError, match="InvalidToken"):
        states.send_task_success(taskToken="nobody's", output="{}")


def test_a_callback_times_out_in_virtual_time(aws, states, run, ended):
    mark = tokens_so_far(aws)
    arn = run(path="callback", seconds=86400, payload={})
    token = aws.wait_until(lambda: token_in_log(aws, mark))
    aws.clock.advance("23h")
    time.sleep(0.4)
    assert states.describe_execution(executionArn=arn)["status"] == "RUNNING"
    aws.clock.advance("2h")
    assert json.loads(ended(arn)["output"]) == {"error": "States.Timeout"}
    with pytest.raises(ClientError, match="TaskTimedOut"):
        states.send_task_success(taskToken=token, output="{}")


def test_a_missed_heartbeat(aws, states, run, ended):
    mark = tokens_so_far(aws)
    arn = run(path="callback", seconds=86400, heartbeat=600, payload={})
    token = aws.wait_until(lambda: token_in_log(aws, mark))
    for _ in range(2):
        aws.clock.advance("8m")
        states.send_task_heartbeat(taskToken=token)
    assert states.describe_execution(executionArn=arn)["status"] == "RUNNING"
    aws.clock.advance("11m")
    assert json.loads(ended(arn)["output"]) == {"error": "States.HeartbeatTimeout"}


def test_the_functions_error_fails_its_callback(run, ended):
    arn = run(path="callback", seconds=3600, payload={"do": "fail", "type": "Nonsense"})
    assert json.loads(ended(arn)["output"]) == {"error": "Nonsense"}


def test_each_attempt_has_its_own_token(aws, states, run, ended):
    arn = run(path="callback", seconds=3600, payload={"do": "fail", "type": "Again"})
    assert json.loads(ended(arn)["output"]) == {"error": "Again"}
    history = states.get_execution_history(executionArn=arn)["events"]
    assert sum(event["type"] == "TaskFailed" for event in history) == 3


def test_a_function_that_dies(run, ended):
    for path in ("plain", "callback"):
        arn = run(path=path, seconds=3600, payload={"do": "die"})
        assert json.loads(ended(arn)["output"]) == {"error": "Runtime.ExitError"}


def test_storing_a_token_in_a_transaction(aws, states, run, ended):
    item = f"claim-{uuid.uuid4()}"
    table = aws.client("dynamodb")

    def parked():
        found = table.get_item(TableName=aws.outputs["TableName"], Key={"id": {"S": f"{item}-token"}}).get("Item", {})
        return found.get("task_token", {}).get("S")

    arn = run(path="park", id=item, seconds=3600)
    token = aws.wait_until(parked)
    assert json.loads(ended(run(path="park", id=item, seconds=3600))["output"]) == {"parked": "no"}
    states.send_task_success(taskToken=token, output='"your turn"')
    assert ended(arn)["output"] == '"your turn"'


def test_a_conflict_of_transactions_has_the_name_that_a_state_catches(aws, run, ended):
    aws.transaction_conflict()
    arn = run(path="park", id=f"claim-{uuid.uuid4()}", seconds=3600)
    assert json.loads(ended(arn)["output"]) == {"parked": "no"}


def test_stopping_ends_a_callback_at_once_and_is_told(aws, states, run):
    mark = tokens_so_far(aws)
    arn = run(path="callback", seconds=86400, payload={})
    token = aws.wait_until(lambda: token_in_log(aws, mark))
    states.stop_execution(executionArn=arn, error="Stopped", cause="by a test")
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"
    queue = aws.client("sqs")

    def told():
        for message in queue.receive_message(QueueUrl=aws.outputs["EndedUrl"], MaxNumberOfMessages=10).get(
            "Messages", []
        ):
            detail = json.loads(message["Body"])["detail"]
            if detail["executionArn"] == arn:
                return detail["status"]

    assert aws.wait_until(told) == "ABORTED"
    with pytest.raises(ClientError, match="TaskTimedOut"):
        states.send_task_failure(taskToken=token)
    time.sleep(0.3)
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"


def test_starting_twice(aws, states, ended):
    given = {"stateMachineArn": aws.outputs["MachineArn"], "name": f"once-{uuid.uuid4()}"}
    wait = json.dumps({"path": "wait", "seconds": 3600})
    first = states.start_execution(**given, input=wait)
    assert states.start_execution(**given, input=wait)["executionArn"] == first["executionArn"]
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        states.start_execution(**given, input='{"path": "other"}')
    aws.clock.advance("61m")
    assert ended(first["executionArn"])["status"] == "SUCCEEDED"
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        states.start_execution(**given, input=wait)


def test_a_refusal_has_its_cause(run, ended):
    told = ended(run(path="nowhere"))
    assert (told["status"], told["error"], told["cause"]) == ("FAILED", "Refused", "no path is called nowhere")
