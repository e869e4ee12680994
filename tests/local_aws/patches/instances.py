"""Instances tell of their states, as events on the default bus; those carry no tags.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html
"""

import json

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, eventbridge

_ACTIONS = ("RunInstances", "StartInstances", "StopInstances", "TerminateInstances")
_ON_THE_WAY = {"running": "pending", "stopped": "stopping", "terminated": "shutting-down"}


def install() -> None:
    for action in _ACTIONS:
        ec2._ACTION_MAP[action] = _telling(ec2._ACTION_MAP[action])


def _telling(act):
    def acted(p):
        before = _states()
        answer = act(p)
        for instance, state in _states().items():
            if before.get(instance) != state:
                for one in (_ON_THE_WAY.get(state), state):
                    if one:
                        _tell(instance, one)
        return answer

    return acted


def _states() -> dict:
    return {instance: one["State"]["Name"] for instance, one in ec2._instances.items()}


def _tell(instance: str, state: str) -> None:
    event = {
        "Source": "aws.ec2",
        "DetailType": "EC2 Instance State-change Notification",
        "Detail": json.dumps({"instance-id": instance, "state": state}),
        "Resources": [f"arn:aws:ec2:{get_region()}:{get_account_id()}:instance/{instance}"],
    }
    eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)
