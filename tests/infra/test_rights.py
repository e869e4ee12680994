"""A function's role and settings are what its source needs: no right is missing, and none is spare."""

import pytest

from tests.infra.calls import WRITES, partitions_written, rights_and_settings
from tests.infra.conftest import ROOT, kebab, listed, text

CRATES = sorted(folder.name for folder in (ROOT / "functions").iterdir() if folder.is_dir())

# What AWS checks of the caller beside the call itself; of Image Builder's, what a call of ours refers to:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2imagebuilder.html
TAGGED = {"imagebuilder:TagResource"}
REFERRED = {
    "imagebuilder:GetImageRecipe",
    "imagebuilder:GetDistributionConfiguration",
    "imagebuilder:GetInfrastructureConfiguration",
}
DEPENDENT = {
    "imagebuilder:CreateComponent": TAGGED,
    "imagebuilder:CreateDistributionConfiguration": TAGGED,
    "imagebuilder:CreateImage": TAGGED | REFERRED | {"iam:CreateServiceLinkedRole"},  # at the first image of an account
    "imagebuilder:CreateImagePipeline": TAGGED | REFERRED | {"iam:CreateServiceLinkedRole"},
    "imagebuilder:CreateImageRecipe": TAGGED
    | {"imagebuilder:GetComponent", "imagebuilder:GetImage", "ec2:DescribeImages"},  # the last of its parent
    "imagebuilder:StartImagePipelineExecution": TAGGED | {"imagebuilder:GetImagePipeline"},
    "ssm:PutParameter": {"ec2:DescribeImages"},  # of a parameter of type aws:ec2:image
}

# What SAM adds for the queue of lost work.
ADDED = {"sqs:SendMessage"}


@pytest.fixture(params=CRATES)
def function(request, stack):
    (name,) = [name for name in stack.of("AWS::Lambda::Function") if kebab(name) == request.param]
    return request.param, name


def test_a_role_is_what_its_function_needs(stack, function):
    crate, name = function
    needed, _ = rights_and_settings(crate)
    role = text(stack[name]["Properties"]["Role"]).strip("${}").removesuffix(".Arn")
    granted = {action for statement in stack.statements(role) for action in listed(statement["Action"])}
    assert granted - ADDED == needed.union(*(DEPENDENT.get(action, set()) for action in needed))


def test_a_role_writes_the_partitions_that_its_function_writes_and_no_other(stack, function):
    crate, name = function
    role = text(stack[name]["Properties"]["Role"]).strip("${}").removesuffix(".Arn")
    granted = set()
    for statement in stack.statements(role):
        writes = {action for action in listed(statement["Action"]) if action in WRITES.values()}
        if writes and [text(one) for one in listed(statement["Resource"])] == ["${StateTable.Arn}"]:
            ((operator, asked),) = statement["Condition"].items()
            assert (operator, list(asked)) == ("ForAllValues:StringLike", ["dynamodb:LeadingKeys"])
            granted |= {(action, partition) for action in writes for partition in listed(asked["dynamodb:LeadingKeys"])}
    assert granted == partitions_written(crate)


def test_money_is_written_where_it_is_reserved_and_settled_and_nowhere_else():
    """What the comparison above rests on: that the source says it."""
    writing = {crate for crate in CRATES if any(partition == "LEDGER" for _, partition in partitions_written(crate))}
    assert writing == {"close-build", "reserve-budget"}
    assert partitions_written("notify") == {("dynamodb:UpdateItem", "NOTICE#*")}


def test_a_function_is_told_what_it_reads(template, stack, function):
    crate, name = function
    _, read = rights_and_settings(crate)
    told = stack[name]["Properties"]["Environment"]["Variables"].keys()
    own = template["Resources"][name]["Properties"].get("Environment", {}).get("Variables", {}).keys()
    assert read - told <= {"AWS_REGION", "PRISM_FAULT_DIR"}, "Lambda tells the first, tests the second"
    assert own <= read
