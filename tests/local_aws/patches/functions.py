"""Functions start with the environment that Lambda gives them, under the virtual clock, and log to a file.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime

Two variables more: `AWS_ENDPOINT_URL`, by which an SDK finds this emulator, and `PRISM_FAULT_DIR`, where
a function built for tests looks whether it is asked to die (see `control`).
"""

import time

from ministack.core import lambda_runtime
from ministack.core.responses import get_region, new_uuid
from ministack.services import lambda_svc

from tests.local_aws import context
from tests.local_aws.clock import preload
from tests.local_aws.durations import rfc3339
from tests.local_aws.patches.source import replace


# How often, in seconds, an invocation looks whether its process has ended. Hundreds of them share a few cores.
_BETWEEN_LOOKS = 0.2


def environment(config: dict, code_dir: str, port: int) -> dict:
    name = config.get("FunctionName", "unknown")
    return {
        **lambda_svc._runtime_env_vars(config),
        "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": code_dir,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "_HANDLER": config.get("Handler", "bootstrap"),
        "AWS_REGION": get_region(),
        "AWS_DEFAULT_REGION": get_region(),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', 'provided.al2023')}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": new_uuid(),
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        **{name: value for name, value in lambda_runtime.execution_credentials(config).items() if value},
        "AWS_ENDPOINT_URL": context.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PRISM_FAULT_DIR": str(context.faults_dir()),
        **preload(context.state_dir / "clock"),
    }


class LoggedLines:
    """A queue of log lines that also writes them to the function's file."""

    def __init__(self, queue, name: str):
        self._queue = queue
        self._file = (context.logs_dir() / f"{name}.log").open("a", buffering=1)

    def put_nowait(self, line: str) -> None:
        self._file.write(f"{rfc3339(time.time())} {line}\n")
        self._queue.put_nowait(line)

    def get_nowait(self):
        return self._queue.get_nowait()

    def close(self) -> None:
        self._file.close()


def install() -> None:
    lambda_runtime._PROVIDED_POLL = _BETWEEN_LOOKS
    replace(lambda_svc, "_provided_worker_env", "8cccaed6a6d8")(
        lambda config, code_dir, port: environment(config, code_dir, port)
    )

    @replace(lambda_runtime.ProvidedWorker, "_pump_output", "0ee89e67e926")
    def _pump_output(self, stream, log_queue):
        lines = LoggedLines(log_queue, self.func_name)
        try:
            _pump_output.original(self, stream, lines)
        finally:
            lines.close()
