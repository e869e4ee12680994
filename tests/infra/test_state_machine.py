"""The state machines: definitions that AWS takes, tasks that survive trouble, and roles that fit their calls."""

import copy
import json
import re

import cfnlint.api
import pytest

from tests.infra.conftest import MACHINES, ROOT, definition, listed, text

TASKS = [
    (machine, name)
    for machine in MACHINES
    for name, state in json.loads(definition(machine))["States"].items()
    if state["Type"] == "Task"
]

# https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
LOGGING = {
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}


@pytest.fixture(params=MACHINES)
def name(request) -> str:
    return request.param


@pytest.fixture
def machine(name) -> dict:
    return json.loads(definition(name))


@pytest.fixture
def substitutions(template, name) -> dict:
    given = template["Resources"][name]["Properties"]["DefinitionSubstitutions"]
    return {placeholder: text(value) for placeholder, value in given.items()}


@pytest.fixture
def resolved(machine, substitutions) -> dict:
    """The definition as it is deployed, with resources by their logical names."""
    return json.loads(re.sub(r"\$\{(\w+)\}", lambda found: substitutions[found[1]], json.dumps(machine)))


def test_every_definition_of_the_tree_is_deployed_and_no_other(template):
    deployed = {
        name: one["Properties"]["DefinitionUri"]
        for name, one in template["Resources"].items()
        if one["Type"] == "AWS::Serverless::StateMachine"
    }
    assert deployed == {name: f"../statemachines/{file}.asl.json" for name, file in MACHINES.items()}
    assert {file.name for file in (ROOT / "statemachines").iterdir()} == {f"{file}.asl.json" for file in MACHINES.values()}


def test_the_definition_is_valid(machine):
    """As cfn-lint sees it, which reads definitions inside templates only and knows no TimeoutSeconds in JSONata."""
    written = copy.deepcopy(machine)
    for state in written["States"].values():
        if isinstance(state.get("TimeoutSeconds"), str):
            state["TimeoutSeconds"] = 1
    properties = {"Definition": written, "RoleArn": "arn:aws:iam::123456789012:role/any"}
    template = {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    found = cfnlint.api.lint_all(json.dumps(template))
    assert [problem.message for problem in found if problem.rule.severity != "informational"] == []


def test_every_placeholder_is_given_and_every_given_one_used(name, substitutions):
    assert set(re.findall(r"\$\{(\w+)\}", definition(name))) == substitutions.keys()


def test_what_is_given_is_there(stack, substitutions):
    for name, value in substitutions.items():
        resource = value.strip("${}").removesuffix(".Arn")
        assert f"{resource}FunctionArn" == name or name == "TableName", name
        assert resource in stack, name


def test_every_state_is_reached_and_goes_somewhere(machine):
    def following(state):
        yield from [state["Next"]] if "Next" in state else []
        yield from [state["Default"]] if "Default" in state else []
        yield from (branch["Next"] for branch in state.get("Choices", []) + state.get("Catch", []))

    reached, open_ends = set(), [machine["StartAt"]]
    while open_ends:
        name = open_ends.pop()
        if name not in reached:
            reached.add(name)
            open_ends += following(machine["States"][name])
    assert reached == machine["States"].keys()


@pytest.mark.parametrize("machine, state", TASKS)
def test_a_task_survives_trouble(machine, state):
    task = json.loads(definition(machine))["States"][state]
    assert task["TimeoutSeconds"], "it would wait for a year"
    for retry in task["Retry"]:
        assert retry["BackoffRate"] > 1 and retry["JitterStrategy"] == "FULL" and retry["MaxAttempts"] > 1
        assert retry["MaxDelaySeconds"]
        assert "States.ALL" not in retry["ErrorEquals"], "what is not transient is not tried again"
    assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"], "nothing ends a build behind its claim's back"


def tasks(resolved: dict) -> dict:
    return {name: state for name, state in resolved["States"].items() if state["Type"] == "Task"}


def test_a_task_waits_for_as_long_as_its_function_may_run(stack, resolved):
    for name, task in tasks(resolved).items():
        if task["Resource"].startswith("arn:aws:states:::lambda:invoke"):
            function = stack[task["Arguments"]["FunctionName"].strip("${}").removesuffix(".Arn")]
            assert task["TimeoutSeconds"] > function["Properties"]["Timeout"], name


def calls(resolved):
    """What the machine asks AWS for: (action, resource)."""
    for task in tasks(resolved).values():
        resource = task["Resource"].removesuffix(".waitForTaskToken")
        if resource == "arn:aws:states:::lambda:invoke":
            yield "lambda:InvokeFunction", task["Arguments"]["FunctionName"]
        else:
            service, action = re.fullmatch(r"arn:aws:states:::aws-sdk:(\w+):(\w+)", resource).groups()
            assert (service, action) == ("dynamodb", "transactWriteItems"), "teach this test what the call takes"
            for kind, write in writes(task):
                yield f"dynamodb:{kind}Item", f"${{{write['TableName'].strip('${}')}.Arn}}"


def writes(task):
    """The writes of a task's transaction: (kind, write). Each takes its own right.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html"""
    return [write for item in task["Arguments"].get("TransactItems", []) for write in item.items()]


def test_the_role_grants_the_calls_that_are_made_and_no_other(stack, name, resolved):
    role = text(stack[name]["Properties"]["RoleArn"]).strip("${}").removesuffix(".Arn")
    granted = {
        (action, text(resource))
        for statement in stack.statements(role)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
    assert granted == set(calls(resolved)) | {(action, "*") for action in LOGGING}


@pytest.mark.parametrize("name", ["BuildImage"], indirect=True)
def test_the_machine_writes_claims_and_task_tokens_only(stack, resolved):
    role = text(stack["BuildImage"]["Properties"]["RoleArn"]).strip("${}").removesuffix(".Arn")
    (statement,) = [one for one in stack.statements(role) if one["Action"] == "dynamodb:UpdateItem"]
    keys = [write["Key"]["pk"]["S"] for task in tasks(resolved).values() for _, write in writes(task)]
    assert statement["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": keys}}
