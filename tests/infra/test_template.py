"""What the template promises: least rights, no lost work, nothing in the clear, and its contract with the rest."""

import json
import re
from pathlib import Path

import cfnlint
import pytest

from tests.infra.conftest import ROOT, kebab, listed, text

# What AWS knows of each action: cfn-lint brings the service authorization reference along.
REFERENCE = json.loads((Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json").read_text())

# What SAM attaches by itself, or the template on purpose.
MANAGED_POLICIES = {
    "service-role/AWSLambdaBasicExecutionRole": "a function writes its log",
    "service-role/AWSLambdaDynamoDBExecutionRole": "Lambda reads the table's stream for it",
    "AWSXrayWriteOnlyAccess": "traces",
    "EC2InstanceProfileForImageBuilder": "a builder fetches components and writes its log",
    "AmazonSSMManagedInstanceCore": "Image Builder works on a builder through Systems Manager",
}


# ----------------------------------------------------------------------------------------------------- the contract


def test_every_function_of_the_tree_is_deployed_and_no_other(template):
    deployed = {
        text(one["Properties"]["FunctionName"]): one["Properties"]["CodeUri"]
        for one in template["Resources"].values()
        if one["Type"] == "AWS::Serverless::Function"
    }
    crates = {folder.name for folder in (ROOT / "functions").iterdir() if folder.is_dir()}
    assert deployed == {f"${{AWS::StackName}}-{name}": f"../target/lambda/{name}/" for name in crates}


def test_outputs_are_the_contract(template):
    functions = {kebab(name): name for name, one in template["Resources"].items() if "Function" in one["Type"]}
    expected = {
        "TableName": "StateTable",
        "BuildImageStateMachineArn": "BuildImage",
        "ApproveBuildStateMachineArn": "ApproveBuildStateMachine",
        "NoticesTopicArn": "Notices",
        "AlarmsTopicArn": "Alarms",
        "LostWorkQueueUrl": "LostWork",
        "AdvisoriesTableName": "AdvisoriesTable",
    } | {f"{name}FunctionName": name for name in functions.values()}
    assert {name: text(one["Value"]) for name, one in template["Outputs"].items()} == {
        name: f"${{{resource}}}" for name, resource in expected.items()
    }


@pytest.mark.parametrize("value, taken", [
    ("1", True), ("100", True), ("1000", True), ("0", False), ("1001", False), ("1.5", False), ("", False), ("ten", False),
])  # fmt: skip
def test_a_pace_that_no_function_could_read_is_refused_by_cloudformation(template, value, taken):
    pace = template["Parameters"]["StartsPerSecond"]
    assert bool(re.fullmatch(pace["AllowedPattern"], value)) == taken
    assert re.fullmatch(pace["AllowedPattern"], pace["Default"])


def test_prism_finds_the_stack(stack):
    parameter = stack["StackParameter"]["Properties"]
    assert text(parameter["Name"]) == "/prism/stacks/${AWS::StackName}"
    assert json.loads(text(parameter["Value"])) == {
        "table": "${StateTable}",
        "advisories": "${AdvisoriesTable}",
        "state_machine": "${BuildImage}",
        "approve_state_machine": "${ApproveBuildStateMachine}",
        "schedule_builds": "${ScheduleBuilds}",
    }


def test_names_are_the_stacks_so_that_two_stacks_can_stand_in_one_account(stack):
    named = {
        "AWS::CloudWatch::Alarm": "AlarmName",
        "AWS::Events::Rule": "Name",
        "AWS::ImageBuilder::InfrastructureConfiguration": "Name",
        "AWS::Lambda::Function": "FunctionName",
        "AWS::Scheduler::Schedule": "Name",
        "AWS::StepFunctions::StateMachine": "StateMachineName",
    }
    for kind, member in named.items():
        for name, properties in stack.of(kind).items():
            assert text(properties[member]).startswith("${AWS::StackName}-"), name


def test_no_concurrency_is_reserved(stack):
    """A new account has ten concurrent executions in all, and reserving any of them fails."""
    for name, function in stack.of("AWS::Lambda::Function").items():
        assert "ReservedConcurrentExecutions" not in function, name


# ------------------------------------------------------------------------------------------------------- the rights


# Newer than the reference that cfn-lint brings. It is not told which resources this one knows:
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetImageFindings.html
NEWER = {"ec2:GetImageFindings"}


def actions_of(stack):
    """What is allowed. A denial may be as wide as it likes."""
    for role in stack.of("AWS::IAM::Role"):
        for statement in stack.statements(role):
            for action in listed(statement["Action"]) if statement["Effect"] == "Allow" else []:
                yield role, action, statement


def test_rights_are_named_one_by_one(stack):
    for role, action, statement in actions_of(stack):
        service, _, name = action.partition(":")
        known = action in NEWER or name.lower() in REFERENCE[service]["Actions"]
        assert known, f"{role}: AWS knows no {action}"


def test_a_star_stands_only_where_aws_knows_no_resource(stack):
    for role, action, statement in actions_of(stack):
        service, _, name = action.partition(":")
        if "*" in listed(statement["Resource"]) and action not in NEWER:
            assert "Resources" not in REFERENCE[service]["Actions"][name.lower()], f"{role}: {action} can be narrowed"


def test_managed_policies_are_the_known_ones(stack):
    for name, role in stack.of("AWS::IAM::Role").items():
        for policy in role.get("ManagedPolicyArns", []):
            assert text(policy).partition(":policy/")[2] in MANAGED_POLICIES, name


def test_nobody_passes_a_role(stack):
    assert not [role for role, action, _ in actions_of(stack) if action == "iam:PassRole"]


def test_only_images_of_this_product_can_be_deleted(stack):
    deletes = {
        action: statement
        for _, action, statement in actions_of(stack)
        if action.startswith("ec2:") and not action.startswith(("ec2:Describe", "ec2:Get"))
    }
    assert deletes.keys() == {"ec2:DeregisterImage", "ec2:DeleteSnapshot"}
    for action, statement in deletes.items():
        condition = statement["Condition"]
        assert condition["StringEquals"] == {"aws:ResourceTag/CreatedBy": "EC2 Image Builder"}, action
        image = text(condition["StringLike"]["aws:ResourceTag/Ec2ImageBuilderArn"])
        assert image.endswith(":imagebuilder:${AWS::Region}:${AWS::AccountId}:image/prism-*"), action
    assert deletes["ec2:DeregisterImage"]["Condition"]["Null"] == {"aws:ResourceTag/prism:build-id": "false"}


def test_every_role_belongs_to_one_thing(stack):
    users = [
        text(properties.get("Role", properties.get("RoleArn", "")))
        for kind in ("AWS::Lambda::Function", "AWS::StepFunctions::StateMachine")
        for properties in stack.of(kind).values()
    ]
    schedules = {text(one["Target"]["RoleArn"]) for one in stack.of("AWS::Scheduler::Schedule").values()}
    assert schedules == {"${SchedulesRole.Arn}"}
    assert len(users) == len(set(users)) and not schedules & set(users)


def test_schedules_start_what_they_are_for_and_nothing_else(stack):
    targets = {text(one["Target"]["Arn"]) for one in stack.of("AWS::Scheduler::Schedule").values()}
    granted = {
        (action, text(resource))
        for statement in stack.statements("SchedulesRole")
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
    assert granted == {("lambda:InvokeFunction", arn) for arn in targets} | {("sqs:SendMessage", "${LostWork.Arn}")}


# Which resources of this account may have a service act with a role, where the service's documentation tells how.
TRUSTED = {
    "scheduler.amazonaws.com": "scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/default",
    "states.amazonaws.com": "states:${AWS::Region}:${AWS::AccountId}:stateMachine:${AWS::StackName}-*",
}


def test_a_service_acts_for_this_account_only(stack):
    narrowed = set()
    for name, role in stack.of("AWS::IAM::Role").items():
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            for service in listed(statement["Principal"]["Service"]):
                service = text(service)
                if service in TRUSTED:
                    asked = {key: value for operator in statement["Condition"].values() for key, value in operator.items()}
                    assert text(asked["aws:SourceAccount"]) == "${AWS::AccountId}", name
                    assert text(asked["aws:SourceArn"]) == "arn:${AWS::Partition}:" + TRUSTED[service], name
                    narrowed.add(service)
                else:
                    assert service.startswith(("lambda.", "ec2.")), name
    assert narrowed == TRUSTED.keys()


def test_who_is_root_on_a_builder_reads_nothing_of_the_account(stack):
    denied = {action for one in stack.statements("BuilderRole") if listed(one.get("Resource")) == ["*"] for action in listed(one["Action"])}
    parameters = {f"ssm:{name}" for name in ("GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory")}
    assert denied == parameters | {"ssm:DescribeParameters", "secretsmanager:*"}
    assert {one["Effect"] for one in stack.statements("BuilderRole")} == {"Deny"}, "the managed policies allow enough"


def test_who_is_root_on_a_builder_writes_the_log_of_builders_only(stack):
    (statement,) = [one for one in stack.statements("BuilderRole") if "NotResource" in one]
    assert set(statement["Action"]) == {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
    group = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${BuilderLogs}"
    assert [text(arn) for arn in statement["NotResource"]] == [group, f"{group}:*"]


# ------------------------------------------------------------------------------------------------- nothing is lost


def lost_work(value) -> bool:
    return text(value) == "${LostWork.Arn}"


def test_every_asynchronous_path_ends_in_lost_work(stack):
    for name, mapping in stack.of("AWS::Lambda::EventSourceMapping").items():
        assert lost_work(mapping["DestinationConfig"]["OnFailure"]["Destination"]), name
    for name, schedule in stack.of("AWS::Scheduler::Schedule").items():
        assert lost_work(schedule["Target"]["DeadLetterConfig"]["Arn"]), name
    for name, rule in stack.of("AWS::Events::Rule").items():
        assert all(lost_work(target["DeadLetterConfig"]["Arn"]) for target in rule["Targets"]), name
    asynchronous = {
        text(one["FunctionName"]): one["DestinationConfig"]["OnFailure"]["Destination"]
        for one in stack.of("AWS::Lambda::EventInvokeConfig").values()
    }
    assert asynchronous.keys() == {f"${{{name}}}" for name in stack.of("AWS::Lambda::Function")}
    assert all(map(lost_work, asynchronous.values()))


def test_the_queue_takes_what_every_rule_sends(stack):
    (statement,) = stack["LostWorkPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    admitted = text(statement["Condition"]["ArnLike"]["aws:SourceArn"])
    prefix = admitted.partition(":rule/")[2].removesuffix("*")
    assert all(text(rule["Name"]).startswith(prefix) for rule in stack.of("AWS::Events::Rule").values())


def test_a_bad_record_blocks_no_other(stack):
    mappings = stack.of("AWS::Lambda::EventSourceMapping")
    for name, mapping in mappings.items():
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name
        assert mapping["BisectBatchOnFunctionError"] is True, name
        assert 0 < mapping["MaximumRetryAttempts"] < 10, name
        assert mapping["StartingPosition"] == "TRIM_HORIZON", name
        (one,) = mapping["FilterCriteria"]["Filters"]
        assert json.loads(one["Pattern"])["eventName"] == ["INSERT"], name
    assert len(mappings) <= 2, "two readers a shard are DynamoDB's limit"


def test_every_alarm_is_heard(stack):
    alarms = stack.of("AWS::CloudWatch::Alarm")
    for name, alarm in alarms.items():
        assert [text(action) for action in alarm["AlarmActions"]] == ["${Alarms}"], name
        assert alarm.get("OKActions", alarm["AlarmActions"]) == alarm["AlarmActions"], name
        assert alarm["TreatMissingData"] in {"breaching", "notBreaching"}, name
    watched = {(alarm["MetricName"], text(alarm["Dimensions"][0]["Value"])) for alarm in alarms.values()}
    assert watched == {
        ("ApproximateNumberOfMessagesVisible", "${LostWork.QueueName}"),
        ("ExecutionsFailed", "${BuildImage}"),
        ("IteratorAge", "${RespondToUpdate}"),
        ("IteratorAge", "${Notify}"),
        ("Invocations", "${WatchBaseImages}"),
    }


def test_state_outlives_the_stack(stack):
    for name, policy in {"StateTable": "Retain", "Key": "RetainExceptOnCreate"}.items():
        assert stack[name]["DeletionPolicy"] == policy, name
        assert stack[name]["UpdateReplacePolicy"] == "Retain", name
    table = stack["StateTable"]["Properties"]
    assert table["DeletionProtectionEnabled"] is True
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


# ------------------------------------------------------------------------------------------------------- the hints


def test_hints_are_off_unless_they_are_wanted(template):
    parameter = template["Parameters"]["AmazonHints"]
    assert parameter["Default"] == "false" and template["Conditions"]["HasHints"]
    hints = [one for name, one in template["Resources"].items() if "Hints" in name]
    assert len(hints) == 8 and all(one["Condition"] == "HasHints" for one in hints)


def test_every_hint_is_let_in_by_its_topic_alone_and_heeded(template, stack):
    subscriptions = {name: one for name, one in stack.of("AWS::SNS::Subscription").items() if name.endswith("Hints")}
    variables = template["Resources"]["WatchBaseImages"]["Properties"]["Environment"]["Variables"]
    separator, listed = variables["HINT_TOPICS"]["Fn::Join"]
    assert separator == "," and sorted(map(text, listed)) == sorted(text(one["TopicArn"]) for one in subscriptions.values())
    for name, one in subscriptions.items():
        topic = text(one["TopicArn"])
        assert f":sns:{text(one['Region'])}:" in topic, "the region of the topic, not of the stack"
        assert (one["Protocol"], text(one["Endpoint"])) == ("lambda", "${WatchBaseImages.Arn}")
        permission = stack[f"{name}Permission"]["Properties"]
        assert text(permission["SourceArn"]) == topic and permission["Principal"] == "sns.amazonaws.com"


# ------------------------------------------------------------------------------------------ nothing is in the clear


def test_data_at_rest_is_encrypted(stack):
    assert text(stack["StateTable"]["Properties"]["SSESpecification"]["KMSMasterKeyId"]) == "${Key.Arn}"
    for name, topic in stack.of("AWS::SNS::Topic").items():
        assert text(topic["KmsMasterKeyId"]) == "${Key}", name
    assert stack["LostWork"]["Properties"]["SqsManagedSseEnabled"] is True
    assert stack["Key"]["Properties"]["EnableKeyRotation"] is True
    for name, group in stack.of("AWS::Logs::LogGroup").items():
        assert text(group["KmsKeyId"]) == "${Key.Arn}", name
        assert text(group["RetentionInDays"]) == "${LogRetentionDays}", name


def test_the_key_lets_in_only_the_account_and_two_services(stack):
    for statement in stack["Key"]["Properties"]["KeyPolicy"]["Statement"]:
        if statement["Action"] == "kms:*":
            assert text(statement["Principal"]["AWS"]).endswith(":${AWS::AccountId}:root")
        else:
            assert statement["Condition"], statement["Sid"]
            assert text(statement["Principal"].get("Service", "logs.")).startswith(("cloudwatch.", "logs."))


def test_one_unsubscribe_does_not_silence_notices_and_alarms(template):
    """Each e-mail has a link that ends its own subscription: the two kinds have a topic and a subscription each."""
    subscriptions = {
        text(one["Properties"]["TopicArn"]): (one["Condition"], one["Properties"]["Endpoint"])
        for one in template["Resources"].values()
        if one["Type"] == "AWS::SNS::Subscription" and one["Properties"]["Protocol"] == "email"
    }
    alarms = {"Fn::If": ["HasAlarmEmail", {"Ref": "AlarmEmail"}, {"Ref": "NotificationEmail"}]}
    assert subscriptions == {
        "${Notices}": ("HasEmail", {"Ref": "NotificationEmail"}),
        "${Alarms}": ("HasAnyEmail", alarms),
    }


def test_cloudwatch_publishes_alarms_and_no_notices(stack):
    policies = {text(one): policy["PolicyDocument"]["Statement"] for policy in stack.of("AWS::SNS::TopicPolicy").values() for one in policy["Topics"]}
    (statement,) = policies.pop("${Alarms}")
    assert (statement["Principal"], text(statement["Resource"])) == ({"Service": "cloudwatch.amazonaws.com"}, "${Alarms}")
    assert policies == {}


def test_every_function_writes_a_log_group_of_the_stack(stack):
    groups = {name: text(group["LogGroupName"]) for name, group in stack.of("AWS::Logs::LogGroup").items()}
    admitted = stack["Key"]["Properties"]["KeyPolicy"]["Statement"][-1]["Condition"]["ArnLike"]
    prefixes = [text(arn).partition(":log-group:")[2].removesuffix("*") for (arns,) in [admitted.values()] for arn in arns]
    assert all(group.startswith(tuple(prefixes)) for group in groups.values())
    for name, function in stack.of("AWS::Lambda::Function").items():
        group = text(function["LoggingConfig"]["LogGroup"]).strip("${}")
        assert groups[group] == f"/aws/lambda/{text(function['FunctionName'])}", name


@pytest.mark.parametrize("name", ["InfrastructureX86", "InfrastructureArm64"])
def test_builders_are_guarded_and_leave_nothing_running(stack, name):
    infrastructure = stack[name]["Properties"]
    assert infrastructure["InstanceMetadataOptions"]["HttpTokens"] == "required"
    assert infrastructure["TerminateInstanceOnFailure"] is True
