"""Fault points: where a function that is built for tests looks whether it is asked to die.

At its point NAME such a function removes the file NAME of the folder `PRISM_FAULT_DIR`, if it is there, and
kills itself; what is seen of it is what is seen of a function whose process has ended on AWS.
"""

import re

from tests.local_aws import context, control


@control.route("POST", "faults")
def _arm(body):
    (point,) = control.fields(body, "point")
    if not isinstance(point, str) or not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}", point):
        raise control.BadInput(f"point {point!r} is not a fault point's name: letters, digits, -, _ and .")
    (context.faults_dir() / point).touch()
    return _tell({})


@control.route("GET", "faults")
def _tell(_body):
    return {"armed": sorted(file.name for file in context.faults_dir().iterdir())}


def install() -> None:
    context.faults_dir()
