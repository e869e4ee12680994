"""A base image under ten thousand templates moves: each template is looked at, whatever dies, and nobody else has to wait
for that."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from boto3.dynamodb.types import TypeSerializer

from tests.system.conftest import Deployed, deployed
from tests.system.step_functions_stub import StepFunctions

MANY = 10_000
PER_SECOND = 400  # four times what is deployed, to be done in a minute
_write = TypeSerializer()


@pytest.mark.long
def test_each_of_ten_thousand_templates_is_looked_at_though_a_page_dies_and_others_are_not_held_up():
    with deployed("many") as aws, StepFunctions(per_second=PER_SECOND, unlucky=997) as stub:
        world = Deployed(aws).world()
        big, small = world.base(), world.base()
        with _passed_over_quickly(world):
            _dependants(world, big, MANY)
            _dependants(world, small, 3, prefix="small")
            world.aws.settle(60)
        _use(world, stub)

        world.publish(big)
        began = time.monotonic()
        world.watch()
        world.until(lambda: stub.started, timeout=120)
        planned = time.monotonic() - began
        world.until(lambda: len(stub.started) >= MANY // 5, timeout=120)
        world.aws.fault("respond-to-update.started")
        world.until(lambda: len(stub.started) >= MANY // 3, timeout=120)
        world.publish(small)
        world.watch()
        world.until(lambda: _update(world, small)["responded_at"], timeout=30)
        in_between = len(stub.started)
        # Half a minute on a machine that has nothing else to do.
        world.aws.wait_until(lambda: _update(world, big)["responded_at"], timeout=300, every=0.5)
        seconds = time.monotonic() - began

        assert set(stub.started) == {f"many-{n:05}" for n in range(MANY)} | {f"small-{n:05}" for n in range(3)}
        assert MANY // 3 < in_between < MANY, "the other one is answered while the big one is under way"
        log = world.aws.logs(world.function("respond-to-update"))
        assert log.count("ended at a fault point") == 1
        pages = log.count('"message":"started"')
        # What was on its way when the process died is asked for again: a page at most.
        repeated = stub.started.total() - len(stub.started)
        assert repeated <= 250 and stub.too_many == 0 and stub.busiest <= PER_SECOND
        assert log.count('"message":"planned"') == 2, "nothing is planned twice"
        notices = [one for one in world.inbox.all() if one.kind == "update-available"]
        assert len(notices) == 2
        assert len(notices[0].body) < 250_000 and all(f" many-{n:05}" in notices[0].body for n in range(0, MANY, 99))
        assert world.inbox.set_aside() == []
        print(f"\n{MANY} templates: {seconds:.1f} s, of which planning {planned:.1f} s, {pages} pages, {stub.calls} calls of StartExecution, "
              f"{repeated} repeated, {stub.refused} throttled, {stub.busiest} in the busiest second, "
              f"a notice of {len(notices[0].body)} characters")  # fmt: skip
    shutil.rmtree(aws.state_dir)


def _update(world, base) -> dict:
    return world.table.query(base.partition, "UPDATE#")[-1]


@contextmanager
def _passed_over_quickly(world):
    """What is written meanwhile is nobody's business: the stream's readers look at much of it at a time."""
    lambdas, size = world.aws.client("lambda"), {}
    for mapping in lambdas.list_event_source_mappings()["EventSourceMappings"]:
        size[mapping["UUID"]] = mapping["BatchSize"]
        _read(lambdas, mapping["UUID"], 1000)
    yield
    for mapping, before in size.items():
        _read(lambdas, mapping, before)


def _read(lambdas, mapping: str, size: int) -> None:
    lambdas.update_event_source_mapping(UUID=mapping, BatchSize=size, FunctionResponseTypes=["ReportBatchItemFailures"])


def _use(world, stub) -> None:
    """Has the function start executions there."""
    lambdas, name = world.aws.client("lambda"), world.function("respond-to-update")
    told = lambdas.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    told |= {"AWS_ENDPOINT_URL_SFN": stub.endpoint, "STARTS_PER_SECOND": str(PER_SECOND)}
    lambdas.update_function_configuration(FunctionName=name, Environment={"Variables": told})


def _dependants(world, base, count: int, prefix: str = "many") -> None:
    """So many templates whose published image stands on what the base image is now."""
    current = world.table.get(*base.tracked)["current"]["image_id"]
    items = []
    for number in range(count):
        name = f"{prefix}-{number:05}"
        written = {"name": name, "slug": name, "base": base.name, "version": "1.0.0",
                   "packages": {"system": ["git", "curl"], "pip": ["numpy", "pandas"]}}  # fmt: skip
        items.append({"pk": "TEMPLATES", "sk": name, "name": name, "template": written, "revision": 1,
                      "applied_at": "2026-11-01T00:00:00Z", "disabled": None})  # fmt: skip
        items.append({"pk": base.partition, "sk": f"DEPENDANT#{name}", "base_image_id": current, "expected": "25 minutes",
                      "target": {"template": name, "architecture": base.architecture}})  # fmt: skip
    batches = [items[start : start + 25] for start in range(0, len(items), 25)]

    def write(batch):
        puts = [{"PutRequest": {"Item": {key: _write.serialize(value) for key, value in item.items()}}} for item in batch]
        left = world.table.client.batch_write_item(RequestItems={world.table.name: puts})["UnprocessedItems"]
        assert not left

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, batches))
