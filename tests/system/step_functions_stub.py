"""StartExecution alone, in place of the embedded Step Functions, which has a thread for each execution.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

import json
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class StepFunctions:
    """What was started, and how often it was asked for. More than `per_second` in any second are throttled, and so is
    every `unlucky`th call."""

    def __init__(self, per_second: int, unlucky: int):
        self.per_second, self.unlucky = per_second, unlucky
        self.started, self.calls, self.repeated, self.refused, self.too_many = {}, 0, 0, 0, 0
        self.busiest = 0  # calls in a second
        self._recent, self._lock = deque(), threading.Lock()

    def __enter__(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

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
            name, given = asked["name"], json.loads(asked["input"])
            self.repeated += name in self.started
            if self.started.setdefault(name, given) != given:
                return 400, {"__type": "ExecutionAlreadyExists", "message": f"Execution Already Exists: '{name}'"}
            return 200, {"executionArn": asked["stateMachineArn"].replace(":stateMachine:", ":execution:") + f":{name}",
                         "startDate": time.time()}  # fmt: skip

    def _handler(self):
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["X-Amz-Target"] == "AWSStepFunctions.StartExecution"
                status, body = stub.start(asked)
                answer = json.dumps(body).encode()
                head = (f"HTTP/1.1 {status} x\r\nContent-Type: application/x-amz-json-1.0\r\n"
                        f"Content-Length: {len(answer)}\r\n\r\n").encode()  # fmt: skip
                self.wfile.write(head + answer)

            def log_message(self, *_):
                pass

        return Handler
