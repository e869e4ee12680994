"""The wall clock of this Python process, moved by an offset.

The functions that the emulator starts get theirs from libfaketime; a Python process with many threads can't,
since libfaketime also shifts the moment till which the interpreter waits for its lock, so that threads with
work to do spin instead. Must be installed before what imports `datetime` by name.
"""

import datetime
import time

_real = {name: getattr(time, name) for name in ("time", "time_ns", "gmtime", "localtime", "ctime", "strftime")}
offset = 0.0


def _time() -> float:
    return _real["time"]() + offset


class ShiftedDateTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(_time(), tz)

    @classmethod
    def utcnow(cls):
        return cls.fromtimestamp(_time(), datetime.timezone.utc).replace(tzinfo=None)

    @classmethod
    def today(cls):
        return cls.now()


def install() -> None:
    time.time = _time
    time.time_ns = lambda: _real["time_ns"]() + round(offset * 1_000_000_000)
    for name in ("gmtime", "localtime", "ctime"):
        setattr(time, name, lambda seconds=None, real=_real[name]: real(_time() if seconds is None else seconds))
    time.strftime = lambda form, moment=None: _real["strftime"](form, moment or time.localtime())
    datetime.datetime = ShiftedDateTime
