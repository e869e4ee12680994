"""What people were told: the copy of every notice, and what was set aside."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """A notice as a subscriber gets it."""

    id: str
    kind: str
    subject: str
    body: str


class Inbox:
    """Everything that was published so far."""

    def __init__(self, aws):
        self._sqs, self._url, self._lost = aws.client("sqs"), aws.outputs["NoticesQueueUrl"], aws.outputs["LostWorkQueueUrl"]
        self._read = []

    def all(self) -> list:
        self._read += [_notice(json.loads(body)) for body in _drain(self._sqs, self._url)]
        return self._read

    def about(self, text: str, kind: str | None = None) -> list:
        """The notices that name this, as their id or their text has it."""
        found = [notice for notice in self.all() if text in notice.id or text in notice.body]
        return [notice for notice in found if kind in (None, notice.kind)]

    def set_aside(self) -> list:
        """What could not be worked on since the last look."""
        return [json.loads(body) for body in _drain(self._sqs, self._lost)]


def _drain(sqs, url: str) -> list:
    bodies = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            bodies.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def _notice(envelope: dict) -> Notice:
    attributes = {name: one["Value"] for name, one in envelope.get("MessageAttributes", {}).items()}
    return Notice(attributes["notice_id"], attributes["kind"], envelope["Subject"], envelope["Message"])
