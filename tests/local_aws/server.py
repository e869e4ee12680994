"""The emulator's process: patches MiniStack, then serves it and the controls on one socket.

Started by `LocalAws` with the socket already open (so that a free port stays ours), under the virtual
clock, in its own folder. The environment that MiniStack reads when it is imported is set there too.
"""

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from tests.local_aws import shifted_time

    shifted_time.install()
    from tests.local_aws import context
    from tests.local_aws.clock import Clock

    socket_fd = int(sys.argv[1])
    context.state_dir = Path(os.environ["LOCAL_AWS_STATE_DIR"])
    context.endpoint = os.environ["AWS_ENDPOINT_URL"]
    context.clock = Clock(context.state_dir / "clock")

    from tests.local_aws import control, feeds, patches  # noqa: F401 (feeds registers its controls)

    patches.install()
    # A quarter of the time went into looking for cycles among what is there for good.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    if os.environ["LOCAL_AWS_PARENT"]:
        threading.Thread(target=end_with, args=(int(os.environ["LOCAL_AWS_PARENT"]),), daemon=True).start()
    asyncio.run(serve(control.app, socket_fd))


def end_with(parent: int) -> None:
    """Ends this process and all functions once the process that started it is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os.killpg(os.getpid(), signal.SIGKILL)


async def serve(app, socket_fd: int) -> None:
    from hypercorn.asyncio import serve as hypercorn
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{socket_fd}"]
    # Seconds. An idle connection that the server closes just as a client uses it again is an error for that client.
    config.keep_alive_timeout = 24 * 3600
    config.loglevel = "WARNING"
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await hypercorn(app, config, shutdown_trigger=ended.wait)


if __name__ == "__main__":
    main()
