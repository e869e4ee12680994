"""`make bench`: a look at 1,000 base images in four regions, by the function and by boto3, against the same stub. Prints
a table for docs/BENCHMARKS.md."""

import contextlib
import json
import os
import platform
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass

from tests.bench.upstream import ARCHITECTURES, BASES, REGIONS, ROOT

BINARY = ROOT / "target/release/watch-base-images"
LOOKS, MOVED = 5, 40
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """What something took: calls by kind, seconds, seconds of CPU, and the most memory so far in MB."""

    calls: dict
    wall: float
    cpu: float
    memory: float


class Stub:
    """The stub, in a process of its own."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-m", "tests.bench.stub"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.environment = {
            "PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIDBENCH", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_EC2_METADATA_DISABLED": "true",
            "TABLE_NAME": "state", "ADVISORIES_TABLE_NAME": "advisories", "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.port}",
            "RUST_LOG": "warn", "AWS_LAMBDA_FUNCTION_NAME": "watch", "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "HOME": "/nonexistent",
        }  # fmt: skip

    def ask(self, path: str, body: str = ""):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/_bench/{path}", data=body.encode(), method="POST")
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def calls(self) -> dict:
        """The calls since the last time."""
        return self.ask("calls")


class Function:
    """The function, as Lambda runs it."""

    name = "watch-base-images"

    def __init__(self, stub: Stub):
        stub.ask("ended")
        self.stub, self.process = stub, subprocess.Popen([BINARY], env=stub.environment)

    def look(self) -> int:
        answer = self.stub.ask("invoke", "{}")
        runs = answer["regions"]
        assert sum(run["watched"] for run in runs) == BASES * len(ARCHITECTURES) * len(REGIONS) and not any(
            run["troubles"] for run in runs), answer  # fmt: skip
        return sum(len(run["moved"]) + run["first"] for run in runs)


class Script:
    """The script, by boto3."""

    def __init__(self, stub: Stub, kind: str):
        self.name = f"boto3, {kind}"
        command = [sys.executable, "-m", "tests.bench.by_boto3", kind]
        self.process = subprocess.Popen(command, cwd=ROOT, env=stub.environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip

    def look(self) -> int:
        print(file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        assert answer["watched"] == BASES * len(ARCHITECTURES) * len(REGIONS), answer
        return answer["moved"]


def cpu(pid: int) -> float:
    """Seconds of CPU, user and system, of all threads."""
    with open(f"/proc/{pid}/stat") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / _TICK


def memory(pid: int) -> float:
    """The most memory that was resident, in MB."""
    with open(f"/proc/{pid}/status") as file:
        [line] = [line for line in file if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def measured(stub: Stub, process, looks: int, expected: int) -> Measured:
    """So many looks, on average; each has to see so many moves."""
    stub.calls()
    before, begun = cpu(process.process.pid), time.monotonic()
    for look in range(looks):
        seen = process.look()
        assert seen == expected, f"{process.name}: {seen} moves, not {expected}"
        if look + 1 < looks:
            time.sleep(1.2)  # until SSM has forgotten this look
    wall = time.monotonic() - begun - 1.2 * (looks - 1)
    calls = {kind: count / looks for kind, count in stub.calls().items()}
    pid = process.process.pid
    return Measured(calls, wall / looks, (cpu(pid) - before) / looks, memory(pid))


def lived_through(stub: Stub, start) -> dict:
    """A process from its start: its first look, some at which nothing has moved, and one at which some have."""
    begun = time.monotonic()
    process = start(stub)
    with contextlib.closing(_Ending(process.process)):
        stub.calls()
        assert process.look() == 0, f"{process.name}: nothing has moved yet"
        pid = process.process.pid
        first = Measured(stub.calls(), time.monotonic() - begun, cpu(pid), memory(pid))
        time.sleep(1.2)
        steady = measured(stub, process, LOOKS, 0)
        stub.ask("move", str(MOVED))
        time.sleep(1.2)
        moved = measured(stub, process, 1, MOVED)
    return {"start and first look": first, "steady look": steady, f"look with {MOVED} moves": moved}


class _Ending:
    def __init__(self, process):
        self.process = process

    def close(self):
        self.process.kill()
        self.process.wait()


def main() -> None:
    stub = Stub()
    with contextlib.closing(_Ending(stub.process)):
        function = Function(stub)
        with contextlib.closing(_Ending(function.process)):
            first_ever = measured(stub, function, 1, BASES * len(ARCHITECTURES) * len(REGIONS))
        time.sleep(1.2)
        of = {
            "watch-base-images": lived_through(stub, Function),
            "boto3, plain": lived_through(stub, lambda stub: Script(stub, "plain")),
            "boto3, threaded": lived_through(stub, lambda stub: Script(stub, "threaded")),
        }
    with open("/proc/meminfo") as file:
        size = int(file.readline().split()[1]) / 2**20
    print(f"{os.cpu_count()} cores, {size:.0f} GiB, {platform.machine()}; load {os.getloadavg()[0]:.1f}\n")
    print(row("", "wall", "CPU", "peak memory", "GetParameters (refused)", "DescribeImages", "reads", "transactions"))
    print("|---" * 8 + "|")
    print(line("watch-base-images, the very first look", first_ever))
    for what in of["watch-base-images"]:
        for name, looks in of.items():
            print(line(f"{name}, {what}", looks[what]))
    print()
    print(row("the function's share of", "wall", "CPU", "peak memory"))
    print("|---" * 4 + "|")
    for name in ("boto3, plain", "boto3, threaded"):
        for what, ours in of["watch-base-images"].items():
            its = of[name][what]
            shares = (f"1/{theirs / max(own, 0.001):.1f}" for own, theirs in
                      ((ours.wall, its.wall), (ours.cpu, its.cpu), (ours.memory, its.memory)))  # fmt: skip
            print(row(f"{name}, {what}", *shares))


def line(name: str, one: Measured) -> str:
    calls = {kind: f"{count:g}" for kind, count in one.calls.items()}
    reads = one.calls.get("GetItem", 0) + one.calls.get("Query", 0)
    return row(name, f"{one.wall:.2f} s", f"{one.cpu * 1000:.0f} ms", f"{one.memory:.0f} MB",
               f"{calls['GetParameters']} ({calls.get('throttled', 0)})", calls.get("DescribeImages", "0"), f"{reads:g}",
               calls.get("TransactWriteItems", "0"))  # fmt: skip


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
