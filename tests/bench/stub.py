"""A stand-in for SSM, EC2, DynamoDB and Lambda's runtime API that costs next to nothing: every answer is 20 ms late, and
of GetParameters a region takes 40 a second. Prints its port."""

import asyncio
import json
import sys
import zlib
from collections import Counter
from time import monotonic
from urllib.parse import parse_qsl

from tests.bench.upstream import OWNER, Upstream, policy_item

LATENCY, A_SECOND, PAGE = 0.020, 40, 1_000_000


class Stub:
    """All that is asked and told."""

    def __init__(self):
        self.upstream, self.calls = Upstream(), Counter()
        self.table = {("POLICY", "CURRENT"): policy_item()}
        self.texts = {}  # the same items, as they are sent
        self.buckets = {}
        self.events, self.answers, self.waiting = asyncio.Queue(), asyncio.Queue(), None

    # -- what AWS answers ----------------------------------------------------------------------------------------

    def aws(self, headers: dict, body: bytes) -> tuple:
        region = headers["authorization"].split("Credential=")[1].split("/")[2]
        target = headers.get("x-amz-target")
        if target is None:
            return self.ec2(dict(parse_qsl(body.decode())))
        operation = target.rpartition(".")[2]
        self.calls[operation] += 1
        given = json.loads(body)
        return getattr(self, operation)(given, region)

    def GetParameters(self, given: dict, region: str) -> tuple:
        tokens, then = self.buckets.get(region, (A_SECOND, monotonic()))
        now = monotonic()
        tokens = min(A_SECOND, tokens + (now - then) * A_SECOND)
        self.buckets[region] = (max(0, tokens - 1), now)
        if tokens < 1:
            self.calls["throttled"] += 1
            return 400, b'{"__type": "ThrottlingException", "message": "Rate exceeded"}', JSON
        found = {name: self.upstream.value(region, name) for name in given["Names"]}
        parameters = [
            {"Name": name, "Type": "String", "Value": value, "Version": 1, "LastModifiedDate": 1767225600.0,
             "ARN": f"arn:aws:ssm:{region}::parameter{name}", "DataType": "text"}
            for name, value in found.items() if value
        ]  # fmt: skip
        unknown = [name for name, value in found.items() if not value]
        return 200, json.dumps({"InvalidParameters": unknown, "Parameters": parameters}).encode(), JSON

    def ec2(self, given: dict) -> tuple:
        self.calls[given["Action"]] += 1
        wanted = [value for name, value in given.items() if name.startswith("Filter.1.Value.")]
        items = "".join(
            f"<item><imageId>{image}</imageId><imageState>available</imageState><imageOwnerId>{OWNER}</imageOwnerId>"
            f"<isPublic>true</isPublic><name>{name}</name><creationDate>2026-11-01T00:00:00.000Z</creationDate>"
            "<rootDeviceName>/dev/xvda</rootDeviceName></item>"
            for image in wanted if (name := self.upstream.name(image))
        )  # fmt: skip
        return 200, f"<DescribeImagesResponse><imagesSet>{items}</imagesSet></DescribeImagesResponse>".encode(), XML

    def GetItem(self, given: dict, _region: str) -> tuple:
        item = self.table.get((given["Key"]["pk"]["S"], given["Key"]["sk"]["S"]))
        return 200, json.dumps({"Item": item} if item else {}).encode(), JSON

    def Query(self, given: dict, _region: str) -> tuple:
        partition = given["ExpressionAttributeValues"][":pk"]["S"]
        keys = sorted(key for key in self.table if key[0] == partition)
        start = given.get("ExclusiveStartKey")
        if start:
            keys = [key for key in keys if key[1] > start["sk"]["S"]]
        page, size = [], 0
        for key in keys:
            if size > PAGE:
                break
            text = self.texts.setdefault(key, json.dumps(self.table[key]))
            page.append(text)
            size += len(text)
        more = ""
        if len(page) < len(keys):
            pk, sk = keys[len(page) - 1]
            more = ', "LastEvaluatedKey": ' + json.dumps({"pk": {"S": pk}, "sk": {"S": sk}})
        return 200, f'{{"Items": [{",".join(page)}], "Count": {len(page)}{more}}}'.encode(), JSON

    def TransactWriteItems(self, given: dict, _region: str) -> tuple:
        for write in given["TransactItems"]:
            put = write.get("Put")
            item = put["Item"] if put else write["Delete"]["Key"]
            key = (item["pk"]["S"], item["sk"]["S"])
            self.texts.pop(key, None)
            if put:
                self.table[key] = item
            else:
                self.table.pop(key, None)
        return 200, b"{}", JSON

    # -- what Lambda and the bench ask ---------------------------------------------------------------------------

    async def control(self, method: str, path: str, body: bytes) -> tuple:
        if path.endswith("/invocation/next"):
            self.waiting = asyncio.ensure_future(self.events.get())
            event = await self.waiting
            headers = JSON + ("Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
                              "Lambda-Runtime-Deadline-Ms: 1999999999999\r\n"
                              "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:watch\r\n")  # fmt: skip
            return 200, event, headers
        if path.endswith(("/response", "/error")):
            self.answers.put_nowait(body)
            return 202, b"{}", JSON
        if path == "/_bench/ended":
            if self.waiting:
                self.waiting.cancel()  # it was the function's that is no more
            return 200, b"{}", JSON
        if path == "/_bench/invoke":
            self.events.put_nowait(body or b"{}")
            return 200, await self.answers.get(), JSON
        if path == "/_bench/calls":
            calls, self.calls = self.calls, Counter()
            self.buckets.clear()
            return 200, json.dumps(calls).encode(), JSON
        if path == "/_bench/move":
            self.upstream.move(int(body))
            return 200, b"{}", JSON
        if path == "/_bench/table":
            return 200, json.dumps([[*key, item] for key, item in self.table.items()]).encode(), JSON
        return 404, b"{}", JSON


JSON = "Content-Type: application/x-amz-json-1.0\r\n"
XML = "Content-Type: text/xml\r\n"


async def serve(stub: Stub, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            request, *lines = head.split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            method, path, _ = request.split(" ", 2)
            if "authorization" in headers:
                due = monotonic() + LATENCY
                status, answer, more = stub.aws(headers, body)
                if "dynamodb" in headers.get("x-amz-target", "").lower():
                    more += f"x-amz-crc32: {zlib.crc32(answer)}\r\n"
                await asyncio.sleep(due - monotonic())
            else:
                status, answer, more = await stub.control(method, path, body)
            writer.write(f"HTTP/1.1 {status} OK\r\nContent-Length: {len(answer)}\r\n{more}\r\n".encode() + answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    stub = Stub()
    server = await asyncio.start_server(lambda *ends: serve(stub, *ends), "127.0.0.1", 0, limit=2**22)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
