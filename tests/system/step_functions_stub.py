"""StartExecution alone, in place of the embedded Step Functions, which has a thread for each execution.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

import json
import threading
import time
from collections import Counter, deque

from tests.system.http_stub import Handler, HttpStub


class StepFunctions(HttpStub):
    """How often an execution was started for each template. More than `per_second` calls in any second are throttled,
    and so is every `unlucky`th call."""

    def __init__(self, per_second: int, unlucky: int):
        self.per_second, self.unlucky = per_second, unlucky
        self.started, self.calls, self.refused, self.too_many = Counter(), 0, 0, 0
        self.busiest = 0  # calls in a second
        self._recent, self._lock = deque(), threading.Lock()

    def start(self, asked: dict) -> tuple:
        """The answer to a call: its status and its body."""
        with self._lock:
            now = time.monotonic()
            self.calls += 1
            self._recent.append(now)
            while self._recent[0] <= now - 1:
                self._recent.popleft()
            self.busiest = max(self.busiest, len(self._recent))
            if len(self._recent) > self.per_second:
                self.too_many += 1
                return 400, {"__type": "ThrottlingException", "message": "Rate exceeded"}
            if self.calls % self.unlucky == 0:
                self.refused += 1
                return 400, {"__type": "ThrottlingException", "message": "Rate exceeded"}
            given = json.loads(asked["input"])
            assert given["only_if_due"] and "name" not in asked, asked
            self.started[given["template"]] += 1
            return 200, {"executionArn": asked["stateMachineArn"].replace(":stateMachine:", ":execution:") + f":{self.calls}",
                         "startDate": time.time()}  # fmt: skip

    def _handler(self) -> type:
        stub = self

        class Answers(Handler):
            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["X-Amz-Target"] == "AWSStepFunctions.StartExecution"
                status, body = stub.start(asked)
                answer = json.dumps(body).encode()
                head = (f"HTTP/1.1 {status} x\r\nContent-Type: application/x-amz-json-1.0\r\n"
                        f"Content-Length: {len(answer)}\r\n\r\n").encode()  # fmt: skip
                self.wfile.write(head + answer)

        return Answers
