"""What a function asks of AWS, read from its source: from the calls in its crate, through the shared crates, to the
SDK. Crude on purpose: functions are told apart by module and name, and a call that might be made counts as made."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.infra.conftest import ROOT

# A method of the SDK by the right it takes.
SDK = {
    "batch_get_item": "dynamodb:BatchGetItem",
    "batch_write_item": "dynamodb:BatchWriteItem",
    "get_item": "dynamodb:GetItem",
    "query": "dynamodb:Query",
    "describe_images": "ec2:DescribeImages",
    "deregister_image": "ec2:DeregisterImage",
    "delete_snapshot": "ec2:DeleteSnapshot",
    "describe_snapshots": "ec2:DescribeSnapshots",
    "get_image_findings": "ec2:GetImageFindings",
    "cancel_image_creation": "imagebuilder:CancelImageCreation",
    "create_component": "imagebuilder:CreateComponent",
    "create_distribution_configuration": "imagebuilder:CreateDistributionConfiguration",
    "create_image": "imagebuilder:CreateImage",
    "create_image_pipeline": "imagebuilder:CreateImagePipeline",
    "create_image_recipe": "imagebuilder:CreateImageRecipe",
    "delete_component": "imagebuilder:DeleteComponent",
    "delete_image": "imagebuilder:DeleteImage",
    "delete_image_recipe": "imagebuilder:DeleteImageRecipe",
    "get_component": "imagebuilder:GetComponent",
    "get_image": "imagebuilder:GetImage",
    "get_image_recipe": "imagebuilder:GetImageRecipe",
    "list_image_packages": "imagebuilder:ListImagePackages",
    "list_workflow_executions": "imagebuilder:ListWorkflowExecutions",
    "list_workflow_step_executions": "imagebuilder:ListWorkflowStepExecutions",
    "start_image_pipeline_execution": "imagebuilder:StartImagePipelineExecution",
    "update_distribution_configuration": "imagebuilder:UpdateDistributionConfiguration",
    "update_image_pipeline": "imagebuilder:UpdateImagePipeline",
    "invoke": "lambda:InvokeFunction",
    "publish": "sns:Publish",
    "get_parameters": "ssm:GetParameters",
    "put_parameter": "ssm:PutParameter",
    "describe_execution": "states:DescribeExecution",
    "list_executions": "states:ListExecutions",
    "send_task_failure": "states:SendTaskFailure",
    "send_task_success": "states:SendTaskSuccess",
    "start_execution": "states:StartExecution",
    "transact_write_items": None,  # takes the rights of what is in it: see WRITES
}

# A write of a transaction by the right it takes.
WRITES = {
    "put": "dynamodb:PutItem",
    "put_if": "dynamodb:PutItem",
    "insert": "dynamodb:PutItem",
    "replace": "dynamodb:PutItem",
    "overwrite": "dynamodb:PutItem",
    "update": "dynamodb:UpdateItem",
    "delete": "dynamodb:DeleteItem",
    "delete_if": "dynamodb:DeleteItem",
    "check": "dynamodb:ConditionCheckItem",
}

# Partitions of the other table.
OF_ADVISORIES = {"ADVISORY#*", "THREAT", "FEED"}


@dataclass
class Function:
    """A Rust function: what it asks of AWS and of the environment itself, which partitions it writes, what it calls."""

    rights: set = field(default_factory=set)
    writes: set = field(default_factory=set)
    settings: set = field(default_factory=set)
    calls: set = field(default_factory=set)


def rights_and_settings(crate: str) -> tuple[set, set]:
    """What the Lambda function of this name asks of AWS, and which settings it reads."""
    reached = _reached(crate)
    return set().union(*(one.rights for one in reached)), set().union(*(one.settings for one in reached))


def partitions_written(crate: str) -> set:
    """Which partitions of the state table the Lambda function of this name writes, as (right, partition)."""
    written = set().union(*(one.writes for one in _reached(crate)))
    return {(right, partition) for right, partition in written if partition not in OF_ADVISORIES}


def _reached(crate: str) -> list:
    """The functions that may run when the Lambda function of this name does."""
    known = _shared()
    own = _functions(ROOT / "functions" / crate / "src", crate)
    seen, ahead = set(), list(own.values())
    reached = []
    while ahead:
        function = ahead.pop()
        reached.append(function)
        for call in function.calls - seen:
            seen.add(call)
            if call in known:
                ahead.append(known[call])
    return reached


def _shared() -> dict:
    aws = ROOT / "shared" / "aws" / "src"
    ec2 = ROOT / "shared" / "ec2" / "src"
    known = _functions(ec2 / "judge.rs", "judge")
    for file in (ec2 / "lib.rs", ec2 / "built.rs", ec2 / "findings.rs"):
        known |= _functions(file, "images")
    for file in aws.glob("*.rs"):
        known |= _functions(file, file.stem)
    for folder in (one for one in aws.iterdir() if one.is_dir()):
        known |= _functions(folder, folder.name)
    return known


def _functions(place: Path, module: str) -> dict:
    files = [place] if place.is_file() else sorted(place.rglob("*.rs"))
    found = {}
    for file in files:
        source = re.sub(r"//[^\n]*", "", file.read_text().partition("#[cfg(test)]\nmod ")[0])
        imported = {
            name: owner
            for owner, names in re.findall(r"\buse prism_aws::(\w+)::(\{[^}]*\}|\w+)", source)
            for name in re.findall(r"\w+", names)
        }
        for name, body in re.findall(r"\bfn (\w+)(.*?)(?=\bfn \w|\Z)", source, re.DOTALL):
            _read(body, module, imported, found.setdefault((module, name), Function()))
    return found


def _read(body: str, module: str, imported: dict, function: Function) -> None:
    sdk = {name for name in re.findall(r"\.(\w+)\(\)", body) if name in SDK}
    assert sdk or ".send()" not in body, f"{module}: which call of the SDK is sent?\n{body}"
    function.rights |= {SDK[name] for name in sdk} - {None}
    writes = re.findall(r"\bWrite::(\w+)\((?:\s*&(?:keys::)?(\w+))?", body)
    function.rights |= {WRITES[name] for name, _ in writes}
    function.writes |= {(WRITES[name], _partition(key, body)) for name, key in writes}
    if "environment" in body or module == "environment":
        function.settings |= set(re.findall(r'"([A-Z][A-Z0-9_]+)"', body))
    # `module::function(…)` and `Type::function(…)`; `value.function(…)` where the value is called as its type is.
    for owner, name in re.findall(r"\b(\w+)(?:::|\s*\.\s*)(\w+)\(", body):
        function.calls.add((re.sub(r"(?<!^)(?=[A-Z])", "_", owner).lower(), name))
        if owner[0].isupper():
            function.calls.add((imported.get(owner, module), name))
    for name in re.findall(r"(?:\bself\.|(?<![\w.:]))(\w+)\(", body):
        function.calls.add((imported.get(name, module), name))


def _partition(key: str, body: str) -> str:
    """The partition of a key that a write names: as `keys::claim(…)`, or as `key`, which is one of those."""
    if key == "key":
        (key,) = re.findall(r"\blet key = keys::(\w+)\(", body)
    assert key in _partitions(), f"which partition is written?\n{body}"
    return _partitions()[key]


@cache
def _partitions() -> dict:
    """The partition of each kind of key, with a star for what differs: `claim` as `CLAIM`, `build` as `TEMPLATE#*`."""
    source = (ROOT / "shared" / "aws" / "src" / "keys.rs").read_text()
    constants = dict(re.findall(r'const (\w+): &str = "([^"]+)"', source))
    functions = dict(re.findall(r"\bfn (\w+)\([^)]*\) -> (?:Key|String) \{(.*?)\n\}", source, re.DOTALL))

    def told(text: str) -> str:
        first = re.match(r'\s*(?:.*?;\s*)?(?:Key::new\(\s*)?(?:format!\()?(?:"([^"{]*)(\{)?|(\w+)\b(\()?)', text, re.DOTALL)
        literal, brace, name, call = first.groups()
        if literal is not None:
            return literal + ("*" if brace else "")
        return told(functions[name]) if call else constants[name]

    return {name: told(text) for name, text in functions.items()}
