"""Enforced roles: what a state machine's role may invoke and write, by function, table and leading key.

https://docs.aws.amazon.com/step-functions/latest/dg/concept-create-iam-advanced.html
https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
"""

import json
import re

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import stepfunctions as sfn

from tests.local_aws.patches import leading_keys, step_functions
from tests.local_aws.patches.source import replace

_DYNAMODB = re.compile(r"arn:aws:states:::(aws-sdk:)?dynamodb:(\w+)")


def _function(reference: str) -> str:
    """The ARN of a function that is named by its name or a part of its ARN."""
    name = reference.split(":function:")[-1]
    return f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{name}"


def _writes(action: str, arguments: dict) -> list:
    """What a call asks for, by action. A transaction needs the rights of each of its writes."""
    if action != "dynamodb:TransactWriteItems":
        return [(action, arguments)]
    actions = {"ConditionCheck": "ConditionCheckItem", "Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
    writes = (write for item in arguments.get("TransactItems", []) for write in item.items())
    return [(f"dynamodb:{actions[kind]}", write) for kind, write in writes]


def _checks(resource: str, arguments) -> list:
    """What a task needs: the action, the ARN, the condition keys, and the error of a refusal."""
    if "states:::lambda:invoke" in resource:
        function = _function(str(arguments.get("FunctionName", "")))
        return [("lambda:InvokeFunction", function, {}, "Lambda.AWSLambdaException")]
    if resource.startswith("arn:aws:lambda:"):
        return [("lambda:InvokeFunction", resource, {}, "Lambda.AWSLambdaException")]
    found = _DYNAMODB.match(resource)
    if not found:
        return []
    action = f"dynamodb:{found[2][0].upper()}{found[2][1:]}"
    error = "DynamoDb.DynamoDbException" if found[1] else "DynamoDB.AmazonDynamoDBException"
    return [
        (one, arn, {name.lower(): values for name, values in leading_keys.context(write).items()}, error)
        for one, write in _writes(action, arguments)
        for arn in iam_actions.dynamodb_resource_arns(json.dumps(write).encode(), get_region(), get_account_id()) or ["*"]
    ]


def refusal(role_arn: str, action: str, arn: str, keys: dict) -> str | None:
    """Why a role may not do it, in the words of AWS."""
    account, role = get_account_id(), role_arn.rsplit("/", 1)[-1]
    who = f"arn:aws:sts::{account}:assumed-role/{role}/states"
    asked = iam_evaluator.EvalContext(who, "AssumedRole", account, action, arn, get_region(), service_context=keys)
    decision = iam_evaluator.evaluate(asked, iam_evaluator._gather_role_policies(role, account)).decision
    if decision == "Allow":
        return None
    why = (
        "with an explicit deny in an identity-based policy"
        if decision == "Deny"
        else f"because no identity-based policy allows the {action} action"
    )
    return f"User: {who} is not authorized to perform: {action} on resource: {arn} {why}"


def install() -> None:
    if not app.AUTH:
        return

    @replace(sfn, "_invoke_resource", "a85d2be9a858")
    def invoke_resource(resource, arguments):
        execution = step_functions.current() or {}
        machine = sfn._state_machines.get(execution.get("stateMachineArn", ""), {})
        for action, arn, keys, error in _checks(resource, arguments):
            refused = refusal(machine.get("roleArn", ""), action, arn, keys)
            if refused:
                raise sfn._ExecutionError(error, refused)
        return invoke_resource.original(resource, arguments)
