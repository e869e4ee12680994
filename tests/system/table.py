"""The state table as a test reads it: items as plain values. `docs/DATA.md` tells what there is."""

from decimal import Decimal

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

_read, _write = TypeDeserializer(), TypeSerializer()


class Table:
    """The items of the state table, or of the other one."""

    def __init__(self, aws, output="TableName"):
        self.client, self.name = aws.client("dynamodb"), aws.outputs[output]

    def get(self, pk: str, sk: str) -> dict | None:
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        item = self.client.get_item(TableName=self.name, Key=key, ConsistentRead=True).get("Item")
        return item and plain(item)

    def query(self, pk: str, prefix: str = "") -> list:
        condition, values = "pk = :pk", {":pk": {"S": pk}}
        if prefix:
            condition, values = f"{condition} AND begins_with(sk, :sk)", {**values, ":sk": {"S": prefix}}
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name, KeyConditionExpression=condition, ExpressionAttributeValues=values,
            ConsistentRead=True)  # fmt: skip
        return [plain(item) for page in pages for item in page["Items"]]

    def all(self) -> list:
        pages = self.client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        return [plain(item) for page in pages for item in page["Items"]]

    def put(self, pk: str, sk: str, **fields) -> None:
        item = {"pk": pk, "sk": sk, **fields}
        self.client.put_item(TableName=self.name, Item={name: _write.serialize(_stored(v)) for name, v in item.items()})

    def replace(self, pk: str, sk: str, name: str, old, new) -> bool:
        """Replaces one attribute if it is what it was; says whether it did."""
        values = {":old": _write.serialize(_stored(old)), ":new": _write.serialize(_stored(new))}
        try:
            self.client.update_item(
                TableName=self.name, Key={"pk": {"S": pk}, "sk": {"S": sk}}, UpdateExpression="SET #name = :new",
                ConditionExpression="#name = :old", ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues=values)  # fmt: skip
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def delete(self, pk: str, sk: str) -> None:
        self.client.delete_item(TableName=self.name, Key={"pk": {"S": pk}, "sk": {"S": sk}})


def plain(item: dict) -> dict:
    return {name: _value(_read.deserialize(value)) for name, value in item.items()}


def _value(value):
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case dict():
            return {name: _value(one) for name, one in value.items()}
        case list():
            return [_value(one) for one in value]
        case _:
            return value


def _stored(value):
    """DynamoDB takes no floats."""
    match value:
        case float():
            return Decimal(str(value))
        case dict():
            return {name: _stored(one) for name, one in value.items()}
        case list():
            return [_stored(one) for one in value]
        case _:
            return value


def stream_record(pk: str, sk: str) -> dict:
    """What the table's stream hands to a function when this item is written."""
    keys = {"pk": {"S": pk}, "sk": {"S": sk}}
    change = {"Keys": keys, "SequenceNumber": "111", "ApproximateCreationDateTime": 0, "SizeBytes": 1,
              "StreamViewType": "NEW_AND_OLD_IMAGES"}  # fmt: skip
    return {"Records": [{"eventID": "1", "eventName": "INSERT", "eventVersion": "1.1", "awsRegion": "us-east-1",
                         "eventSource": "aws:dynamodb", "dynamodb": change}]}  # fmt: skip
