"""The workflows of a build and their steps, by which one learns where it failed.

https://docs.aws.amazon.com/imagebuilder/latest/userguide/manage-image-workflows.html
"""

import uuid

from ministack.core.responses import get_region

from tests.local_aws.image_builder import store

_WORKFLOWS = {
    "BUILDING": (
        "BUILD",
        "build/build-image",
        (
            ("LaunchBuildInstance", "LaunchInstance"),
            ("ApplyBuildComponents", "ExecuteComponents"),
            ("InventoryCollection", "CollectImageMetadata"),
            ("RunSanitizeScript", "SanitizeInstance"),
            ("CreateOutputAMI", "CreateImage"),
            ("TerminateBuildInstance", "TerminateInstance"),
        ),
    ),
    "TESTING": (
        "TEST",
        "test/test-image",
        (
            ("LaunchTestInstance", "LaunchInstance"),
            ("ApplyTestComponents", "ExecuteComponents"),
            ("TerminateTestInstance", "TerminateInstance"),
        ),
    ),
    "DISTRIBUTING": ("DISTRIBUTION", "distribution/distribute-image", (("DistributeImage", "DistributeImage"),)),
}
_FAILING = {"BUILDING": "ApplyBuildComponents", "TESTING": "ApplyTestComponents"}


def enter(image: dict, status: str) -> None:
    """A state begins: the workflow before it has completed, its own runs."""
    if status in _WORKFLOWS or status == "AVAILABLE":
        end(image, "COMPLETED")
    if status not in _WORKFLOWS:
        return
    kind, path, steps = _WORKFLOWS[status]
    image["workflowExecutions"].append(
        {
            "workflowBuildVersionArn": f"arn:aws:imagebuilder:{get_region()}:aws:workflow/{path}/1.0.2/1",
            "workflowExecutionId": f"wf-{uuid.uuid4()}",
            "type": kind,
            "status": "RUNNING",
            "startTime": store.now_text(),
            "totalStepCount": len(steps),
            "totalStepsSucceeded": 0,
            "totalStepsFailed": 0,
            "totalStepsSkipped": 0,
            "steps": [
                {
                    "stepExecutionId": f"step-{uuid.uuid4()}",
                    "name": name,
                    "action": action,
                    "status": "PENDING",
                    "startTime": store.now_text(),
                }
                for name, action in steps
            ],
        }
    )


def end(image: dict, status: str) -> None:
    """The workflow that runs ends so, with every step that was still to be done."""
    for workflow in image["workflowExecutions"]:
        if workflow["status"] == "RUNNING":
            workflow.update(status=status, endTime=store.now_text())
            for step in workflow["steps"]:
                if step["status"] == "PENDING":
                    step.update(status=status, endTime=store.now_text())
            _count(workflow)


def _count(workflow: dict) -> None:
    for member, status in (
        ("totalStepsSucceeded", "COMPLETED"),
        ("totalStepsFailed", "FAILED"),
        ("totalStepsSkipped", "SKIPPED"),
    ):
        workflow[member] = sum(step["status"] == status for step in workflow["steps"])


class Failed(Exception):
    """The workflow of a state has failed in the step that runs the components."""

    def __init__(self, image: dict, status: str):
        workflow = image["workflowExecutions"][-1]
        for step in workflow["steps"]:
            step.update(status="COMPLETED", endTime=store.now_text())
            if step["name"] == _FAILING[status]:
                break
        failed = step
        failed.update(status="FAILED", message="A component's document failed on the instance: see its log.")
        for step in workflow["steps"]:
            if step["status"] == "PENDING":
                step["status"] = "SKIPPED"
        where = f"Workflow Execution ID: {workflow['workflowExecutionId']} failed in step {failed['name']}"
        reason = f"{where}: {failed['message']}"
        workflow.update(status="FAILED", endTime=store.now_text(), message=reason)
        _count(workflow)
        self.told = {
            "imageStatus": status,
            "workflowExecutionId": workflow["workflowExecutionId"],
            "workflowArn": workflow["workflowBuildVersionArn"],
            "stepExecutionId": failed["stepExecutionId"],
            "failedStep": failed["name"],
        }
        super().__init__(reason)
