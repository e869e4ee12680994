"""What the next builds do: `POST /_local/image-builder`."""

import threading

from tests.local_aws import control

OUTCOMES = ("succeed", "fail-build", "fail-test", "throttle", "hang")
_lock = threading.Lock()
_waiting = []
DEFAULT = {
    "outcome": "succeed",
    "seconds": 4.0,
    "template": None,
    "base_image": None,
    "lose_event": False,
    "event_before_response": False,
    "count": 1,
    "packages": None,
}


@control.route("POST", "image-builder")
def _add(body):
    outcome, seconds, template, base_image, lose, early, count, packages = control.fields(
        body,
        "outcome",
        seconds=DEFAULT["seconds"],
        template=None,
        base_image=None,
        lose_event=False,
        event_before_response=False,
        count=1,
        packages=None,
    )
    if outcome not in OUTCOMES:
        raise control.BadInput(f"outcome {outcome!r} is not one of {', '.join(OUTCOMES)}")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 0:
        raise control.BadInput(f"seconds {seconds!r} is not a number of virtual seconds")
    if not isinstance(count, int) or count < 1:
        raise control.BadInput(f"count {count!r} is not a number of builds")
    if packages is not None and not _are_packages(packages):
        raise control.BadInput('packages is not a list such as [["openssl", "1:3.0.7-1"]]')
    script = {
        "outcome": outcome,
        "seconds": float(seconds),
        "template": template,
        "base_image": base_image,
        "lose_event": bool(lose),
        "event_before_response": bool(early),
        "packages": packages,
    }
    with _lock:
        _waiting.extend(dict(script) for _ in range(count))
        return {"waiting": list(_waiting)}


def _are_packages(given) -> bool:
    def is_pair(one):
        return isinstance(one, list) and len(one) == 2 and all(isinstance(text, str) for text in one)

    return isinstance(given, list) and all(is_pair(one) for one in given)


@control.route("POST", "image-builder/forget")
def _forget(_body):
    with _lock:
        _waiting.clear()
        return {"waiting": []}


@control.route("GET", "image-builder")
def _tell(_body):
    with _lock:
        return {"waiting": list(_waiting)}


def take(template: str | None, base_image: str) -> dict:
    """The script of a build of this template on this base image that starts now."""
    with _lock:
        for position, script in enumerate(_waiting):
            if script["template"] in (None, template) and script["base_image"] in (None, base_image):
                return _waiting.pop(position)
    return dict(DEFAULT)
