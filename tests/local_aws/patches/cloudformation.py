"""Resources of a stack: an instance profile is referred to by its name, a table gets its TTL and its backups.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-instanceprofile.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
"""

from ministack.services import dynamodb, iam
from ministack.services.cloudformation import provisioners

from tests.local_aws.patches.source import replace


def install() -> None:
    handlers = provisioners._RESOURCE_HANDLERS["AWS::IAM::InstanceProfile"]

    @replace(provisioners, "_iam_ip_create", "b5dde952b227")
    def create(logical_id, properties, stack):
        arn, attributes = create.original(logical_id, properties, stack)
        return arn.rsplit("/", 1)[-1], attributes

    @replace(provisioners, "_iam_ip_update", "3a607f272a19")
    def update(name, before, after, stack, logical_id=None):
        arn, attributes = update.original(_arn(name), before, after, stack, logical_id)
        return arn.rsplit("/", 1)[-1], attributes

    @replace(provisioners, "_iam_ip_delete", "16640a6444d6")
    def delete(name, *more):
        return delete.original(_arn(name), *more)

    handlers.update(create=create, update=update, delete=delete)
    tables = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]

    @replace(provisioners, "_ddb_create", "277586e016c6")
    def create_table(logical_id, properties, stack):
        return _with_more(create_table.original(logical_id, properties, stack), properties)

    @replace(provisioners, "_ddb_update", "0665980ffdd0")
    def update_table(name, before, after, stack, *more):
        return _with_more(update_table.original(name, before, after, stack, *more), after)

    tables.update(create=create_table, update=update_table)


def _with_more(made: tuple, properties: dict) -> tuple:
    """What else a table's properties ask for."""
    expiry = properties.get("TimeToLiveSpecification")
    if expiry:
        dynamodb._update_ttl(
            {
                "TableName": made[0],
                "TimeToLiveSpecification": {**expiry, "Enabled": expiry.get("Enabled") in (True, "true")},
            }
        )
    backups = properties.get("PointInTimeRecoverySpecification")
    if backups:
        dynamodb._update_continuous_backups(
            {
                "TableName": made[0],
                "PointInTimeRecoverySpecification": {
                    **backups,
                    "PointInTimeRecoveryEnabled": backups.get("PointInTimeRecoveryEnabled") in (True, "true"),
                },
            }
        )
    return made


def _arn(name: str) -> str:
    profile = iam._instance_profiles.get(name)
    return profile["Arn"] if profile else name
