"""Deploys the project's template into the emulator and adds what is local only."""

import json
import time
from pathlib import Path

from tests.local_aws import packaging

NOTICES_QUEUE = "prism-local-notices"


def deploy(aws, template: Path, functions_dir: Path, stack: str, parameters: dict) -> dict:
    """Creates the stack and returns its outputs; raises with the reasons when it fails."""
    known = packaging.load(template).get("Parameters", {})
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise SystemExit(
            f"{template.name} has no parameter {' nor '.join(unknown)}; it has {', '.join(known) or 'none'}."
        )
    if "FeedUrls" in known:
        parameters = {"FeedUrls": f"*={aws.endpoint}/_local/feeds/{{feed}}", **parameters}
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=packaging.BUCKET)

    def put(key, content):
        s3.put_object(Bucket=packaging.BUCKET, Key=key, Body=content)

    document = packaging.package(template, functions_dir, aws.state_dir / "code", put)
    put("template.json", packaging.dumped(document).encode())
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(
        StackName=stack,
        TemplateURL=f"{aws.endpoint}/{packaging.BUCKET}/template.json",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    while True:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        if found["StackStatus"] == "CREATE_COMPLETE":
            return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
        if not found["StackStatus"].endswith("_IN_PROGRESS"):
            raise SystemExit(f"{stack} is {found['StackStatus']}\n{_reasons(cloudformation, found)}")
        time.sleep(0.1)


def _reasons(cloudformation, stack: dict) -> str:
    events = cloudformation.describe_stack_events(StackName=stack["StackId"])["StackEvents"]
    lines = [
        f"  {event['LogicalResourceId']} ({event['ResourceType']}): {event['ResourceStatusReason']}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason")
    ]
    return "\n".join(lines or [f"  {stack.get('StackStatusReason', 'no reason is given')}"])


def copy_notices(aws, topic_arn: str) -> str:
    """A queue that gets what the topic's subscribers get, in SNS's envelope (it holds the subject)."""
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=NOTICES_QUEUE)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    aws.client("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn)
    return url
