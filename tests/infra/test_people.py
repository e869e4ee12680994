"""The rights of each kind of person: named one by one, as narrow as AWS knows, and true of the table as it is."""

import re

import pytest

from tests.infra.conftest import ROOT, listed
from tests.infra.test_template import REFERENCE
from tests.people import KINDS, policies


def statements(kind: str) -> list:
    return policies()[kind]["Statement"]


@pytest.mark.parametrize("kind", KINDS)
def test_rights_of_people_are_named_one_by_one_and_narrowed(kind):
    for statement in statements(kind):
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            service, _, name = action.partition(":")
            known = REFERENCE[service]["Actions"][name.lower()]
            assert ("*" not in listed(statement["Resource"])) or "Resources" not in known, action


def test_nobody_has_a_right_that_goes_around_the_others():
    rights = {action for kind in KINDS for one in statements(kind) for action in listed(one["Action"])}
    assert not rights & {
        "states:SendTaskSuccess", "states:SendTaskFailure", "states:GetExecutionHistory", "dynamodb:Scan",
        "dynamodb:PartiQLSelect", "dynamodb:GetRecords", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "iam:PassRole",
    }  # fmt: skip


def test_readers_read_every_partition_of_the_state_table_but_that_of_task_tokens():
    state = (ROOT / "docs/DATA.md").read_text().partition("The state table:")[2].partition("The advisories table:")[0]
    partitions = {re.sub("<.*", "*", one) for one in re.findall(r"^\| `([^`]+)` \|", state, re.MULTILINE)} - {"pk"}
    (statement,) = [one for one in statements("reads") if one["Sid"] == "ReadAllButTaskTokens"]
    assert set(statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]) == partitions - {"TOKEN"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_names_no_partition_is_allowed_by_none(kind):
    for statement in statements(kind):
        if "table/TABLE" in str(statement["Resource"]):
            assert statement["Condition"]["Null"] == {"dynamodb:LeadingKeys": "false"}
