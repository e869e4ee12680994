"""Starting, using and stopping an embedded AWS."""

import base64
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

from tests.local_aws import deploy
from tests.local_aws.clock import PATIENCE, preload, write_offset

ROOT = Path(__file__).resolve().parents[2]
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class LocalAws:
    """A running emulator: its address, its stack's outputs, clients and controls."""

    def __init__(self, state_dir: Path, endpoint: str, region: str, outputs: dict, pid: int):
        self.state_dir, self.endpoint, self.region, self.outputs, self.pid = (state_dir, endpoint, region, outputs, pid)
        self.clock = RemoteClock(self)
        self._clients = {}

    # -- life ------------------------------------------------------------------------------------

    @classmethod
    def start(
        cls,
        state_dir,
        template=None,
        functions_dir="target/lambda",
        *,
        region="us-east-1",
        stack_name="prism-auto-ami",
        parameters=None,
        auth=False,
        at=None,
        bin_dir="target/debug",
        outlives=False,
    ) -> "LocalAws":
        """Starts an emulator in `state_dir`, with the template deployed if one is given.

        `at` is the virtual time at the start (RFC 3339; the real one if left out). Unless it `outlives` whoever
        starts it, it ends with that process, even a killed one.
        """
        state_dir = Path(state_dir).resolve()
        if (state_dir / "pid").exists():
            cls.stop_in(state_dir)
        fresh_folder(state_dir)
        aws = cls(state_dir, *_spawn(state_dir, region, auth, outlives))
        try:
            aws._wait_until_up()
            if at is not None:
                aws.clock.set(at)
            if template is not None:
                found = deploy.deploy(
                    aws, Path(template).resolve(), Path(functions_dir).resolve(), stack_name, parameters or {}
                )
                aws.outputs.update(found)
                if "NoticesTopicArn" in found:
                    aws.outputs["NoticesQueueUrl"] = deploy.copy_notices(aws, found["NoticesTopicArn"])
            aws._write_files(Path(bin_dir).resolve())
        except BaseException:
            aws.stop()
            raise
        return aws

    @classmethod
    def attach(cls, state_dir) -> "LocalAws":
        """The emulator that runs in this folder."""
        state_dir = Path(state_dir).resolve()
        outputs = json.loads((state_dir / "outputs.json").read_text())
        return cls(
            state_dir,
            outputs.pop("endpoint"),
            outputs.pop("region"),
            outputs,
            int((state_dir / "pid").read_text().split()[0]),
        )

    def stop(self) -> None:
        """Ends the emulator and every function process; the folder with its logs stays."""
        self.stop_in(self.state_dir)

    @staticmethod
    def stop_in(state_dir) -> None:
        file = Path(state_dir).resolve() / "pid"
        if not file.exists():
            return
        group, born = (int(number) for number in file.read_text().split())
        for number, patience in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
            deadline = time.monotonic() + patience
            while _signalled(group, born, number) and time.monotonic() < deadline:
                number = 0
                time.sleep(0.02)
        file.unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # -- use -------------------------------------------------------------------------------------

    def client(self, service: str, region: str | None = None):
        """A boto3 client of this emulator, which doesn't retry."""
        key = (service, region or self.region)
        if key not in self._clients:
            self._clients[key] = boto3.client(
                service,
                region_name=key[1],
                endpoint_url=self.endpoint,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}, read_timeout=120, max_pool_connections=50),
            )
        return self._clients[key]

    def control(self, path: str, body: dict | None = None) -> dict:
        """Calls `/_local/<path>`: POST with a body, GET without."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.endpoint}/_local/{path}", data=data)
        try:
            with urllib.request.urlopen(request, timeout=3600) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None

    def publish_parameter(self, name: str, value: str, region: str | None = None) -> dict:
        return self.control("public-parameters", {"region": region or self.region, "name": name, "value": value})

    def register_image(self, owner: str, name: str, *, region: str | None = None, **more) -> str:
        return self.control("images", {"region": region or self.region, "owner": owner, "name": name, **more})[
            "image_id"
        ]

    def publish_feed(self, feed: str, path: str, body: str | bytes | None = None, **more) -> dict:
        """Puts a document that a vendor's feed serves from now on."""
        if isinstance(body, bytes):
            more["base64"] = base64.b64encode(body).decode()
        elif body is not None:
            more["body"] = body
        return self.control("feeds", {"feed": feed, "path": path, **more})

    def scan_image(self, image_id: str, findings=(), region: str | None = None) -> dict:
        """Amazon Inspector has scanned an image, and found this: `{"cve", "package", "severity", "fix_available"}`."""
        return self.control(
            "images/findings",
            {"region": region or self.region, "image_id": image_id, "findings": list(findings)},
        )

    def script_image_builder(self, outcome: str, **more) -> dict:
        return self.control("image-builder", {"outcome": outcome, **more})

    def throttle(self, service: str, operation: str | None = None, count: int = 1, region: str | None = None) -> dict:
        return self.control("throttle", {"service": service, "operation": operation, "count": count, "region": region})

    def outage(self, service: str, operation: str | None = None, count: int = 1, region: str | None = None) -> dict:
        """The next so many calls fail as if the service were down."""
        return self.control("outage", {"service": service, "operation": operation, "count": count, "region": region})

    def refuse(self, service: str, operation: str, code: str, count: int = 1, region: str | None = None) -> dict:
        """The next so many calls are refused with an error of this code."""
        return self.control(
            "refuse", {"service": service, "operation": operation, "code": code, "count": count, "region": region}
        )

    def delay(self, service: str, seconds: float, operation: str | None = None, count: int = 1,
              containing: str | None = None) -> dict:  # fmt: skip
        """The next so many calls are answered so many real seconds late, with what was true when they were made: those
        whose body has the text `containing`, if that is given."""
        return self.control("delay", {"service": service, "seconds": seconds, "operation": operation, "count": count,
                                      "containing": containing})  # fmt: skip

    def forget(self) -> None:
        """Nothing is throttled, down or delayed any more; what waits is answered."""
        self.control("throttle/forget", {})

    def delays(self) -> list:
        """The delays that are still armed."""
        return self.control("delay")["armed"]

    def transaction_conflict(self, count: int = 1) -> dict:
        return self.control("transaction-conflict", {"count": count})

    def settle(self, seconds: float = PATIENCE) -> None:
        """Waits till nothing is under way (see patches/quiet.py); raises if that takes longer."""
        if not self.is_quiet_within(seconds):
            raise TimeoutError(f"still under way after {seconds:g} s")

    def is_quiet_within(self, seconds: float) -> bool:
        """Waits till nothing is under way, for so long at most."""
        return self.control("settle", {"seconds": seconds})["quiet"]

    def invocations(self) -> int:
        """How many invocations of functions are running."""
        return self.control("invocations")["running"]

    def fault(self, point: str) -> dict:
        return self.control("faults", {"point": point})

    def wait_until(self, predicate, timeout: float = 20.0, every: float = 0.05):
        """Polls, in real time, till `predicate()` is true, and returns what it returned."""
        deadline = time.monotonic() + timeout
        while True:
            found = predicate()
            if found:
                return found
            if time.monotonic() >= deadline:
                raise TimeoutError(f"not so after {timeout:g} s: {getattr(predicate, '__name__', predicate)}")
            time.sleep(every)

    def invoke(self, function: str, event=None) -> dict:
        """Invokes a function and returns its answer; raises with its error."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps({} if event is None else event))
        body = json.loads(answer["Payload"].read() or "null")
        if "FunctionError" in answer:
            raise RuntimeError(f"{function}: {json.dumps(body)}")
        return body

    def logs(self, function: str) -> str:
        """What the function has written so far."""
        file = self.state_dir / "logs" / f"{function}.log"
        return file.read_text() if file.exists() else ""

    # -- inside ----------------------------------------------------------------------------------

    def _wait_until_up(self) -> None:
        def up():
            if not _born(self.pid):
                raise SystemExit(f"the embedded AWS ended:\n{(self.state_dir / 'server.log').read_text()[-4000:]}")
            try:
                return self.control("clock")
            except (urllib.error.URLError, ConnectionError):
                return None

        self.wait_until(up, timeout=60)

    def _write_files(self, bin_dir: Path) -> None:
        told = {"endpoint": self.endpoint, "region": self.region, **self.outputs}
        (self.state_dir / "outputs.json").write_text(json.dumps(told, indent=2) + "\n")
        exports = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            **_CREDENTIALS,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        lines = [f"export {name}={shlex.quote(value)}" for name, value in exports.items()]
        path = f"{shlex.quote(str(self._tools(bin_dir)))}:{shlex.quote(str(bin_dir))}"
        lines += ["unset AWS_PROFILE AWS_SESSION_TOKEN", f'export PATH={path}:"$PATH"']
        (self.state_dir / "env").write_text("\n".join(lines) + "\n")


    def _tools(self, bin_dir: Path) -> Path:
        """A folder with a `prism` that reads the virtual clock, so that what it says of now is so."""
        tools = self.state_dir / "bin"
        tools.mkdir(exist_ok=True)
        under = " ".join(f"{name}={shlex.quote(value)}" for name, value in preload(self.state_dir / "clock").items())
        prism = tools / "prism"
        prism.write_text(f'#!/bin/sh\nexec env {under} {shlex.quote(str(bin_dir / "prism"))} "$@"\n')
        prism.chmod(0o755)
        return tools


class RemoteClock:
    """The emulator's clock, from outside."""

    def __init__(self, aws: LocalAws):
        self._aws = aws

    def now(self) -> str:
        return self._aws.control("clock")["now"]

    def advance(self, span: str, patience: float | None = None) -> str:
        """Moves time once nothing is under way, and answers once nothing is any more: raises if that takes too long. With a
        `patience` it moves after so many seconds whatever is under way."""
        return self._moved({"advance": span}, patience)

    def set(self, moment: str, patience: float | None = None) -> str:
        return self._moved({"set": moment}, patience)

    def _moved(self, move: dict, patience: float | None) -> str:
        answer = self._aws.control("clock", {**move, "patience": PATIENCE if patience is None else patience})
        if patience is None and not answer["quiet"]:
            raise TimeoutError(f"still under way after {PATIENCE:g} s: {move}")
        return answer["now"]


def fresh_folder(state_dir: Path) -> None:
    """Removes what an earlier emulator left in this folder, and only that."""
    import shutil

    for name in ("tmp", "logs", "faults", "data", "code"):
        shutil.rmtree(state_dir / name, ignore_errors=True)
        (state_dir / name).mkdir(parents=True)
    for name in ("outputs.json", "env", "server.log"):
        (state_dir / name).unlink(missing_ok=True)


def _spawn(state_dir: Path, region: str, auth: bool, outlives: bool) -> tuple:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    port = listener.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    write_offset(state_dir / "clock", 0)
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(state_dir / "tmp"),
        "TMPDIR": str(state_dir / "tmp"),
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LOCAL_AWS_STATE_DIR": str(state_dir),
        "LOCAL_AWS_PARENT": "" if outlives else str(os.getpid()),
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": region,
        "STATE_DIR": str(state_dir / "data"),
        "S3_DATA_DIR": str(state_dir / "data/s3"),
        "PERSIST_STATE": "0",
        "AUTH": "true" if auth else "false",
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.2",
        "LAMBDA_ASYNC_RETRY_MAX_SECONDS": "1",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{state_dir}/no-docker.sock",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **_CREDENTIALS,
    }
    with (state_dir / "server.log").open("ab") as log, listener:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/local_aws/server.py"), str(listener.fileno())],
            env=environment,
            cwd=state_dir,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[listener.fileno()],
        )
    (state_dir / "pid").write_text(f"{process.pid} {_born(process.pid)}\n")
    _children[process.pid] = process
    return endpoint, region, {}, process.pid


_children = {}


def _born(pid: int) -> int:
    """When a process was started, in the kernel's ticks; 0 when it is gone. With it, a number means one process."""
    child = _children.get(pid)
    if child is not None:
        child.poll()
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])


def _signalled(group: int, born: int, number: int) -> bool:
    """Sends a signal to the emulator's process group; False when nothing of it lives any more."""
    if _born(group) not in (born, 0):
        return False
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
