"""A custom runtime for the tests' functions: Lambda's Runtime API in a few lines.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

What it does is said by its event: see `handle`.
"""

import json
import os
import signal
import time
import urllib.request

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"


class Failed(Exception):
    pass


def handle(event):
    if not isinstance(event, dict):
        return event
    if "dynamodb" in event.get("Records", [{}])[0]:
        return stream(event["Records"])
    do = event.get("do")
    if do == "fail":
        raise Failed(event.get("type", "Failed"), event.get("message", "asked to fail"))
    if do == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "time":
        return time.time()
    if do == "environment":
        return dict(os.environ)
    if do == "print":
        print(event["text"], flush=True)
    return event


def stream(records):
    """Keys tell what happens: `bad…` is reported as failed, `burst…` fails the whole batch."""
    keys = []
    for record in records:
        image = record["dynamodb"]["Keys"]["id"]["S"]
        keys.append(image)
        print("saw", image, record["eventName"], record.get("userIdentity", {}).get("principalId", ""), flush=True)
        if image.startswith("burst"):
            raise Failed("Burst", image)
        if image.startswith("bad"):
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}


def post(path, body):
    data = json.dumps(body).encode()
    urllib.request.urlopen(urllib.request.Request(f"{API}/{path}", data=data)).read()


def main():
    while True:
        with urllib.request.urlopen(f"{API}/next") as work:
            request, event = work.headers["Lambda-Runtime-Aws-Request-Id"], json.load(work)
        try:
            post(f"{request}/response", handle(event))
        except Failed as failure:
            kind, message = (*failure.args, "")[:2]
            post(f"{request}/error", {"errorType": kind, "errorMessage": message})


main()
