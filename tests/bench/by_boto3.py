"""The same look as a script would do it with boto3: `plain`, one call after the other, or `threaded`. Looks once for every
line that it reads, and answers with a line of JSON."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config

THREADS = 8  # for each region
CONFIG = Config(retries={"mode": "adaptive", "total_max_attempts": 10}, max_pool_connections=THREADS * 5)
TABLE = "state"
_read, _write = TypeDeserializer().deserialize, TypeSerializer().serialize


class Watcher:
    """Looks at every base image of the policy."""

    def __init__(self, threaded: bool):
        self.threaded, self.clients = threaded, {}
        self.dynamodb = boto3.client("dynamodb", region_name="us-east-1", config=CONFIG)

    def client(self, service: str, region: str):
        if (service, region) not in self.clients:
            self.clients[(service, region)] = boto3.client(service, region_name=region, config=CONFIG)
        return self.clients[(service, region)]

    def look(self) -> dict:
        policy = read(self.dynamodb.get_item(TableName=TABLE, Key=key("POLICY", "CURRENT"), ConsistentRead=True)["Item"])
        watched = [
            (base, architecture, base["parameter"].replace("{}", word))
            for base in policy["base_images"]
            for architecture, word in base["architectures"].items()
        ]
        regions = ["us-east-1", *policy["watch_regions"]]
        for region in regions:
            self.client("ssm", region), self.client("ec2", region)
        if not self.threaded:
            runs = [self.look_at(region, watched, map) for region in regions]
        else:
            with ThreadPoolExecutor(len(regions)) as outer, ThreadPoolExecutor(THREADS * len(regions)) as inner:
                runs = list(outer.map(lambda region: self.look_at(region, watched, inner.map), regions))
        return {"moved": sum(run["moved"] for run in runs), "watched": sum(run["watched"] for run in runs)}

    def look_at(self, region: str, watched: list, each) -> dict:
        tracked = {(one["id"]["name"], one["id"]["architecture"]): one for one in self.items(f"TRACKED#{region}")}
        self.items(f"TROUBLE#{region}")
        names = sorted({parameter for _, _, parameter in watched})
        batches = [names[start : start + 10] for start in range(0, len(names), 10)]
        values = {}
        for answer in each(lambda batch: self.client("ssm", region).get_parameters(Names=batch), batches):
            values |= {one["Name"]: one["Value"] for one in answer["Parameters"]}
        changed = [
            (base, architecture, values[parameter])
            for base, architecture, parameter in watched
            if parameter in values and values[parameter] != known_image(tracked.get((base["name"], architecture)))
        ]
        ids = sorted({image for _, _, image in changed})
        images = {}
        for start in range(0, len(ids), 200):
            found = self.client("ec2", region).describe_images(
                IncludeDeprecated=True, Filters=[{"Name": "image-id", "Values": ids[start : start + 200]}])  # fmt: skip
            images |= {one["ImageId"]: one for one in found["Images"]}
        list(each(lambda one: self.record(region, tracked.get((one[0]["name"], one[1])), one, images[one[2]]), changed))
        run = {"region": region, "watched": len(watched), "moved": len(changed), "looked_at": now()}
        self.transact([put("WATCH", f"REGION#{region}", run)])
        return run

    def items(self, partition: str) -> list:
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=TABLE, ConsistentRead=True, KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}})  # fmt: skip
        return [read(item) for page in pages for item in page["Items"]]

    def record(self, region: str, known: dict | None, changed: tuple, image: dict) -> None:
        base, architecture, image_id = changed
        assert image["OwnerId"] == base["owner"]
        name = f"{base['name']}#{architecture}"
        current = {"image_id": image_id, "image_name": image["Name"], "created_at": "2026-11-01T00:00:00Z",
                   "root_device": image["RootDeviceName"]}  # fmt: skip
        sequence = int(known["sequence"]) + 1 if known else 0
        past = [{"image": known["current"], "until": now()}, *known["past"]][:20] if known else []
        tracked = {"id": {"name": base["name"], "architecture": architecture, "region": region}, "current": current,
                   "since": now(), "sequence": sequence, "past": past, "returns": [], "quarantine": None}  # fmt: skip
        writes = [put(f"TRACKED#{region}", name, tracked)]
        if known:
            update = {"id": f"{name}/{region}/{sequence}", "image_id": image_id, "updated_at": now(),
                      "previous_image_id": known["current"]["image_id"]}  # fmt: skip
            writes.append(put(f"BASE#{name}", f"UPDATE#{region}#{sequence:08}", update))
        self.transact(writes)

    def transact(self, writes: list) -> None:
        self.dynamodb.transact_write_items(TransactItems=writes)


def known_image(tracked: dict | None) -> str | None:
    return tracked and tracked["current"]["image_id"]


def now() -> str:
    return datetime.now(timezone.utc).isoformat()


def key(pk: str, sk: str) -> dict:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def read(item: dict) -> dict:
    return {name: _read(value) for name, value in item.items()}


def put(pk: str, sk: str, fields: dict) -> dict:
    return {"Put": {"TableName": TABLE, "Item": {name: _write(value) for name, value in {"pk": pk, "sk": sk, **fields}.items()}}}


def main() -> None:
    watcher = Watcher(sys.argv[1] == "threaded")
    for _ in sys.stdin:
        print(json.dumps(watcher.look()), flush=True)


if __name__ == "__main__":
    main()
