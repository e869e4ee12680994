"""The template as it is written and as CloudFormation gets it, and the state machine's definition."""

import re
from pathlib import Path

import boto3
import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from tests.local_aws.packaging import load

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra" / "template.yaml"
# A state machine by its logical name, and its definition.
MACHINES = {"BuildImage": "build-image", "ApproveBuildStateMachine": "approve-build"}


@pytest.fixture(scope="session")
def template() -> dict:
    return load(TEMPLATE)


@pytest.fixture(scope="session")
def stack() -> "Stack":
    """What SAM makes of the template."""
    document = load(TEMPLATE)
    for resource in document["Resources"].values():
        for local in {"CodeUri", "DefinitionUri"} & resource["Properties"].keys():
            resource["Properties"][local] = {"Bucket": "bucket", "Key": "key"}
    session = boto3.Session(region_name="us-east-1")
    return Stack(Translator({}, Parser(), boto_session=session).translate(document, {})["Resources"])


def definition(machine: str) -> str:
    """The definition of a state machine, by its logical name."""
    return (ROOT / "statemachines" / f"{MACHINES[machine]}.asl.json").read_text()


class Stack(dict):
    """Resources by logical name."""

    def of(self, kind: str) -> dict:
        """The properties of every resource of a type."""
        return {name: one["Properties"] for name, one in self.items() if one["Type"] == kind}

    def statements(self, role: str) -> list:
        """What a role may do, by its own policies."""
        policies = self[role]["Properties"].get("Policies", [])
        return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def listed(value) -> list:
    """AWS lets a list of one be written without brackets."""
    return value if isinstance(value, list) else [value]


def text(value) -> str:
    """A value with references in it as readable text: `${Table.Arn}`, `arn:…`."""
    match value:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": written}:
            return written
        case _:
            return str(value)


def kebab(name: str) -> str:
    """`WatchBaseImages` as `watch-base-images`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
