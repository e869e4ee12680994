"""What goes wrong: functions die, services refuse or fail, Image Builder does as it likes, and time passes."""

from tests.system import faults

_POINTS = faults.points()
_OFTEN = ("plan-build", "reserve-budget", "start-image", "finish-image", "publish-image", "close-build.ended", "notify")
_BUSY = [point for point in _POINTS if point.startswith(_OFTEN)]
_THROTTLED = ("dynamodb", "states", "imagebuilder", "ssm", "ec2", "lambda", "sns")
_DOWN = ("dynamodb", "ec2", "ssm")
_HANGS = 2


def kill(environment, rnd) -> None:
    """The next functions that come by these points end there."""
    # Half of them where every build comes by.
    for point in {*rnd.sample(_POINTS, 2), *rnd.sample(_BUSY, 2)}:
        environment.aws.fault(point)
        environment.count("kills_armed")


def throttle(environment, rnd) -> None:
    environment.aws.throttle(rnd.choice(_THROTTLED), count=rnd.randint(1, 5))
    environment.count("throttles")


def fail(environment, rnd) -> None:
    """A service is down, in one region or in all."""
    region = rnd.choice([None, environment.aws.region, "us-west-2", "eu-central-1"])
    environment.aws.outage(rnd.choice(_DOWN), count=rnd.randint(1, 5), region=region)
    environment.count("outages")


def lose_a_region(environment, rnd) -> None:
    """The parameters of a region cannot be reached for a while."""
    environment.aws.outage("ssm", count=rnd.randint(20, 60), region=rnd.choice(["us-west-2", "eu-central-1"]))
    environment.count("region_outages")


def delay(environment, rnd) -> None:
    environment.aws.delay(rnd.choice(["dynamodb", "imagebuilder", "states"]), 1.5, count=2)
    environment.count("delays")


def conflict(environment, rnd) -> None:
    environment.aws.transaction_conflict(rnd.randint(1, 6))
    environment.count("conflicts")


def script(environment, rnd) -> None:
    """What the next image of a template does; some are done before the call that starts them is answered."""
    if len(environment.aws.control("image-builder")["waiting"]) > 12:
        return
    outcome = rnd.choice(["succeed", "succeed", "fail-build", "fail-test", "throttle", "hang"])
    if outcome == "hang":
        if environment.figures["hangs"] >= _HANGS:
            return
        environment.count("hangs")
    early = outcome != "hang" and rnd.random() < 0.25
    environment.aws.script_image_builder(
        outcome, seconds=rnd.choice([0, 1, 4, 60, 400]), template=rnd.choice(environment.templates).name,
        lose_event=rnd.random() < 0.3, event_before_response=early)  # fmt: skip
    environment.count("early_events" if early else "scripts")


def pass_time(environment, rnd) -> None:
    """Whatever is under way: nobody waits for it."""
    environment.advance(rnd.choice(["20s", "2m", "5m", "11m", "45m", "3h"]), patience=0)


ACTIONS = [
    (kill, 0.5, 2),
    (throttle, 1, 3),
    (fail, 2, 6),
    (lose_a_region, 8, 20),
    (delay, 3, 8),
    (conflict, 1, 4),
    (script, 0.4, 1.5),
    (pass_time, 2, 6),
]
