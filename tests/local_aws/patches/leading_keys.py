"""Enforced roles: the partition keys of what a call of DynamoDB touches, for each item of a transaction by itself.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
"""

import json
import re

from ministack import app
from ministack.core import iam_actions
from ministack.services import dynamodb

from tests.local_aws.patches.source import replace


class OfItem(str):
    """The ARN of a table, with the condition keys of the one item that is meant."""

    def __new__(cls, arn: str, context: dict):
        made = super().__new__(cls, arn)
        made.context = context
        return made


def context(call: dict) -> dict:
    """The condition key of a call of one item, of a query or of a batch; nothing if it names no partition."""
    values = list(_values(call))
    for table, requests in (call.get("RequestItems") or {}).items():
        for one in requests if isinstance(requests, list) else [{"Key": key} for key in requests.get("Keys", [])]:
            request = one.get("PutRequest") or one.get("DeleteRequest") or one
            values += _values({"TableName": table, **request})
    return {"dynamodb:LeadingKeys": values} if values else {}


def _values(call: dict):
    table = dynamodb._tables.get(str(call.get("TableName")).split("/")[-1], {})
    hashes = [one["AttributeName"] for one in table.get("KeySchema", []) if one["KeyType"] == "HASH"]
    item = call.get("Key") or call.get("Item") or {}
    yield from (str(next(iter(item[name].values()))) for name in hashes if name in item)
    names, values = call.get("ExpressionAttributeNames") or {}, call.get("ExpressionAttributeValues") or {}
    for name, value in re.findall(r"([#\w]+)\s*=\s*(:\w+)", call.get("KeyConditionExpression") or ""):
        if names.get(name, name) in hashes and value in values:
            yield str(next(iter(values[value].values())))


def _read(body: bytes) -> dict:
    try:
        call = json.loads(body or b"{}")
    except ValueError:
        return {}
    return call if isinstance(call, dict) else {}


def install() -> None:
    if not app.AUTH:
        return

    @replace(iam_actions, "dynamodb_service_context", "0f0021bdc8a3")
    def dynamodb_service_context(body):
        return {**dynamodb_service_context.original(body), **context(_read(body))}

    @replace(iam_actions, "dynamodb_transaction_checks", "684e748338e8")
    def dynamodb_transaction_checks(iam_action, body, region, account_id):
        checks = dynamodb_transaction_checks.original(iam_action, body, region, account_id)
        details = [detail for item in _read(body).get("TransactItems") or [] for detail in item.values()]
        assert len(checks) in (0, len(details)), "an item of a transaction is not checked"
        return [(action, OfItem(arn, context(one))) for (action, arn), one in zip(checks, details, strict=False)]
