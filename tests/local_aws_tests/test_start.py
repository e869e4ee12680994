import pytest

from tests.local_aws import LocalAws
from tests.local_aws_tests.conftest import HERE


def test_start_deploys_and_tells_its_outputs(aws):
    import json

    told = json.loads((aws.state_dir / "outputs.json").read_text())
    assert told["endpoint"] == aws.endpoint and told["region"] == "us-east-1"
    assert {"TableName", "NoticesTopicArn", "NoticesQueueUrl", "WorkerFunctionName"} <= set(told)
    assert f"AWS_ENDPOINT_URL={aws.endpoint}" in (aws.state_dir / "env").read_text()


def test_a_function_runs_in_a_clean_environment(aws):
    found = aws.invoke(aws.outputs["WorkerFunctionName"], {"do": "environment"})
    assert found["TABLE"] == aws.outputs["TableName"]
    assert found["AWS_ENDPOINT_URL"] == aws.endpoint
    assert "GATEWAY_PORT" not in found and "LOCAL_AWS_STATE_DIR" not in found


def test_an_unknown_parameter_is_refused_in_one_sentence(tmp_path, functions):
    with pytest.raises(SystemExit) as refused:
        LocalAws.start(tmp_path, HERE / "template.yaml", functions, parameters={"Colour": "blue"})
    assert str(refused.value) == "template.yaml has no parameter Colour; it has none."
    assert not (tmp_path / "pid").exists()
