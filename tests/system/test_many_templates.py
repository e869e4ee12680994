"""What a look at all templates asks of AWS does not grow by some calls for each of them."""

import shutil
from concurrent.futures import ThreadPoolExecutor

from boto3.dynamodb.types import TypeSerializer

from tests.system.conftest import Deployed, deployed
from tests.system.counting import Counting
from tests.system.test_files import prism
from tests.system.test_ten_thousand import _passed_over_quickly

COUNTS = [10, 100, 1_000]
AMI = "ami-0123456789abcdef0"
_write = TypeSerializer()


def test_calls_grow_by_batches_and_not_by_templates():
    with deployed("counting") as aws, Counting(aws.endpoint) as counting:
        world = Deployed(aws).world()
        base = world.base("debian-12")
        for function in ("reconcile-builds", "assess-updates", "plan-build"):
            _use(world, function, counting)
        calls = {}
        for before, count in zip([0, *COUNTS], COUNTS):
            with _passed_over_quickly(world):
                _templates(world, base, range(before, count))
                world.aws.settle(60)
            for name, look in LOOKS.items():
                counting.forget()
                look(world, counting)
                calls[name, count] = dict(counting.calls)
        for name in LOOKS:
            print("\n" + name, *(f"\n  {count:5}: {sum(calls[name, count].values())} {calls[name, count]}" for count in COUNTS))
        for name, least in {"reconcile-builds": 10, "assess-updates": 20, "status": 20, "a wrong name": 1_000}.items():
            few, many = (sum(calls[name, count].values()) for count in (COUNTS[0], COUNTS[-1]))
            assert many - few <= (COUNTS[-1] - COUNTS[0]) / least + 40, (name, calls[name, COUNTS[-1]])
    shutil.rmtree(aws.state_dir)


def _reconcile(world, counting) -> None:
    assert set(world.invoke("reconcile-builds").values()) == {0}


def _assess(world, counting) -> None:
    answer = world.invoke("assess-updates")
    assert answer["compared"] > 0 and answer["failed"] == answer["left"] == 0, answer


def _status(world, counting) -> None:
    told = prism(world, "--endpoint-url", counting.endpoint, "--region", world.aws.region, "templates", "auto-ami",
                 "status", timeout=600)  # fmt: skip
    assert told.returncode == 0 and "many-00009" in told.stdout, told.stderr


def _wrong_name(world, counting) -> None:
    ended = world.ended(world.start_with({"template": "nobody"}))
    assert '"nobody" does not exist; there are many-00000' in ended["cause"], ended


LOOKS = {"reconcile-builds": _reconcile, "assess-updates": _assess, "status": _status, "a wrong name": _wrong_name}


def _use(world, function: str, counting) -> None:
    """Has a function ask there."""
    lambdas, name = world.aws.client("lambda"), world.function(function)
    told = lambdas.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    told |= {f"AWS_ENDPOINT_URL_{service}": counting.endpoint for service in ("DYNAMODB", "SFN", "SSM", "EC2")}
    lambdas.update_function_configuration(FunctionName=name, Environment={"Variables": told})


def _templates(world, base, numbers) -> None:
    """Templates with an image that was published weeks ago and stands on what the base image is now."""
    current = world.table.get(*base.tracked)["current"]["image_id"]
    long_ago = "2026-10-01T00:00:00Z"
    items = []
    for number in numbers:
        name = f"many-{number:05}"
        target, id = {"template": name, "architecture": base.architecture}, f"{name}-{base.architecture}-1"
        written = {"name": name, "slug": name, "base": base.name, "version": "1.0.0", "packages": {"system": ["git"]}}
        request = {"target": target, "trigger": "manual", "priority": 50, "urgency": "normal", "level": None,
                   "max_cost": None, "base_image_updates": [], "security_patches": [], "deadline": long_ago,
                   "by_hand": True, "reason": None, "requested_at": long_ago}  # fmt: skip
        run = {"arn": f"arn:aws:imagebuilder:us-east-1:000000000000:image/prism-{name}/1.0.1/1", "started_at": long_ago}
        build = {"id": id, "request_id": "a", "execution": "arn", "request": request, "joined": [], "frozen": None,
                 "reservation": None, "run": run, "outcome": None, "published_at": long_ago, "revision": 1,
                 "ending": {"kind": "complete", "message": "its image is published", "at": long_ago}}  # fmt: skip
        channel = {"build": id, "base": base.name, "base_image_id": current, "since": long_ago,
                   "amis": {world.aws.region: AMI}, "version": 1, "verified_version": 1}  # fmt: skip
        items += [
            {"pk": "TEMPLATES", "sk": name, "name": name, "template": written, "revision": 1, "applied_at": long_ago, "disabled": None},
            {"pk": "CLAIM", "sk": f"{name}-{base.architecture}", "target": target, "counter": 1, "held": None, "next": None, "revision": 1},
            {"pk": f"TEMPLATE#{name}", "sk": f"BUILD#{base.architecture}#00000001", **build},
            {"pk": f"TEMPLATE#{name}", "sk": f"CHANNEL#{base.architecture}#latest", **channel},
            {"pk": base.partition, "sk": f"DEPENDANT#{name}", "target": target, "base_image_id": current, "expected": "25 minutes"},
        ]  # fmt: skip
    batches = [items[start : start + 25] for start in range(0, len(items), 25)]

    def write(batch):
        puts = [{"PutRequest": {"Item": {key: _write.serialize(value) for key, value in item.items()}}} for item in batch]
        assert not world.table.client.batch_write_item(RequestItems={world.table.name: puts})["UnprocessedItems"]

    ssm = world.aws.client("ssm")

    def launch(number):
        ssm.put_parameter(Name=f"/prism/auto-ami/many-{number:05}/{base.architecture}/latest", Value=AMI, Type="String")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, batches))
        list(pool.map(launch, numbers))
