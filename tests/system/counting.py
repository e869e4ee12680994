"""A proxy before the embedded AWS that counts calls by their names."""

import http.client
import threading
from collections import Counter
from urllib.parse import parse_qs, urlsplit

from tests.system.http_stub import Handler, HttpStub

_HOP = ("connection", "transfer-encoding", "content-length", "keep-alive")


class Counting(HttpStub):
    """`calls` is what has been asked since `forget`, by operation."""

    def __init__(self, endpoint: str):
        self._to, self._lock, self.calls = urlsplit(endpoint).netloc, threading.Lock(), Counter()

    def forget(self) -> None:
        with self._lock:
            self.calls.clear()

    def _handler(self) -> type:
        counting = self

        class Answers(Handler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                target = self.headers.get("X-Amz-Target")
                name = target.rsplit(".", 1)[-1] if target else parse_qs(body.decode(errors="replace")).get("Action", ["?"])[0]
                with counting._lock:
                    counting.calls[name] += 1
                connection = http.client.HTTPConnection(counting._to, timeout=60)
                connection.request("POST", self.path, body, dict(self.headers.items()))
                answer = connection.getresponse()
                told = answer.read()
                self.send_response(answer.status)
                for key, value in answer.getheaders():
                    if key.lower() not in _HOP:
                        self.send_header(key, value)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)
                connection.close()

        return Answers
