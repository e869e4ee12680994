"""The one virtual clock: the real time and an offset.

Every function that the emulator starts runs under libfaketime, preloaded, which adds the offset that it reads
from one file to the wall clock, at every look at the time; the emulator adds the same to its own. So
`time.time()` *is* virtual time on both sides, and moving time is seen by all at once. The monotonic clock
stays real: sleeping and time-outs of sockets don't jump.

What waits for a virtual moment does so here, and is woken when time is moved.
"""

import os
import threading
import time
from pathlib import Path

from tests.local_aws import shifted_time

# A waiter looks at the time again at least so often, in real seconds, should nobody wake it.
_LOOK = 5.0
# How long a move of time waits, unless it is told otherwise.
PATIENCE = 60.0


class Clock:
    """Reads the time, moves it, and lets threads wait for a moment of it."""

    def __init__(self, file: Path):
        self._file = file
        self.patience = PATIENCE
        self._moves = 0
        self._waiters = set()
        self._lock = threading.Lock()
        self._moving = threading.Lock()
        self._before, self._after = [], []

    @staticmethod
    def now() -> float:
        return time.time()

    @staticmethod
    def offset() -> float:
        return shifted_time.offset

    def advance(self, seconds: float, patience: float = PATIENCE) -> bool:
        """Moves time, and answers once every listener has seen it. `patience`: how long, before and after, listeners may
        wait for what is under way, in real seconds. Answers whether that was long enough."""
        with self._moving:
            self.patience = patience
            quiet = [listener(seconds) for listener in self._before]
            write_offset(self._file, shifted_time.offset + seconds)
            shifted_time.offset += seconds
            self.tell()
            quiet += [listener(seconds) for listener in self._after]
            return False not in quiet

    def set(self, moment: float, patience: float = PATIENCE) -> bool:
        return self.advance(moment - self.now(), patience)

    def before_move(self, listener) -> None:
        """`listener(seconds)` is called before each move. It answers `False` if it could not wait any longer."""
        self._before.append(listener)

    def after_move(self, listener) -> None:
        """`listener(seconds)` is called after each move, before it is answered."""
        self._after.append(listener)

    def tell(self, about=None) -> None:
        """Wakes whoever waits because of this; everybody, if time has moved."""
        with self._lock:
            if about is None:
                self._moves += 1
            told = [waiter for waiter in self._waiters if about in (None, waiter.about)]
        for waiter in told:
            waiter.woken.set()

    def all_looked(self) -> bool:
        """Has every waiter looked at the time since it was last moved?"""
        with self._lock:
            return all(waiter.seen == self._moves for waiter in self._waiters)

    def wait(self, deadline: float | None, until=lambda: False, about=None) -> bool:
        """Waits till the virtual `deadline` (None: for ever) or till `until()`; was it `until`?

        Who makes `until` true calls `tell` with what the waiting is `about`.
        """
        waiter = _Waiter(about)
        with self._lock:
            self._waiters.add(waiter)
        try:
            while True:
                waiter.woken.clear()
                waiter.seen = self._moves
                if until():
                    return True
                left = _LOOK if deadline is None else min(_LOOK, deadline - self.now())
                if left <= 0:
                    return False
                waiter.woken.wait(left)
        finally:
            with self._lock:
                self._waiters.discard(waiter)

    def sleep(self, seconds: float, until=lambda: False, about=None) -> bool:
        return self.wait(self.now() + seconds, until, about)


class _Waiter:
    def __init__(self, about):
        self.about = about
        self.woken = threading.Event()
        self.seen = -1


def write_offset(file: Path, seconds: float) -> None:
    """Replaces the file in one step, so that nobody reads half of it."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}.{threading.get_ident()}")
    fresh.write_text(f"{seconds:+.3f}\n")
    os.replace(fresh, file)


def preload(file: Path) -> dict:
    """The environment that puts a function's process under the clock."""
    import libfaketime

    library = Path(libfaketime.__file__).parent / "vendor/libfaketime/src/libfaketime.so.1"
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DISABLE_SHM": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
