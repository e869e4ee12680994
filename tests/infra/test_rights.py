"""A function's role and settings are what its source needs: no right is missing, and none is spare."""

import pytest

from tests.infra.calls import rights_and_settings
from tests.infra.conftest import ROOT, kebab, listed, text

CRATES = sorted(folder.name for folder in (ROOT / "functions").iterdir() if folder.is_dir())

# What AWS checks of the caller beside the call itself.
IMPLIED = {
    "start-image": {
        "imagebuilder:GetImageRecipe",  # pipelines and images refer to these four
        "imagebuilder:GetDistributionConfiguration",
        "imagebuilder:GetInfrastructureConfiguration",
        "imagebuilder:GetImage",
        "imagebuilder:TagResource",  # whatever is made is tagged
        "ec2:DescribeImages",  # of a recipe's parent
        "iam:CreateServiceLinkedRole",  # at the first image of an account
    },
    "publish-image": {"ec2:DescribeImages"},  # of a parameter of type aws:ec2:image
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
    assert granted - ADDED == needed | IMPLIED.get(crate, set())


def test_a_function_is_told_what_it_reads(template, stack, function):
    crate, name = function
    _, read = rights_and_settings(crate)
    told = stack[name]["Properties"]["Environment"]["Variables"].keys()
    own = template["Resources"][name]["Properties"].get("Environment", {}).get("Variables", {}).keys()
    assert read - told <= {"AWS_REGION", "PRISM_FAULT_DIR"}, "Lambda tells the first, tests the second"
    assert own <= read
