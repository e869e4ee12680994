"""One storm, from its seed to its figures."""

import shutil
import sys
import threading
import time
from random import Random

from botocore.exceptions import BotoCoreError, ClientError

from tests.storm import drain, people, invariants, environment, attackers, fault_injection, upstream
from tests.storm.result import Result
from tests.system.bases import ROOT

# The storm's own calls are throttled, refused and interrupted as well.
REFUSALS = (ClientError, BotoCoreError, OSError, RuntimeError)
# No action begins while more invocations than this are running: the emulator would answer so late that functions time out.
_MOST_INVOCATIONS = 24
ACTIONS = [*people.ACTIONS, *upstream.ACTIONS, *fault_injection.ACTIONS, *attackers.ACTIONS]


def run(seed: int, seconds: float, templates: int = 24, loud: bool = False) -> tuple:
    """The figures of a storm of so many seconds, and a line for each violation. Its folder stays if there is one."""
    times = [time.monotonic()]
    folder = ROOT / f"target/storm-{seed}"
    scene = environment.start(folder, seed, templates)
    scene.loud = loud
    with scene.aws:
        first = scene.world.now()
        for step in (_set_up, _burst, _run_actions, drain.drain):
            times.append(time.monotonic())
            step(scene, *([seconds] if step is _run_actions else []))
        times.append(time.monotonic())
        result = Result.of(scene)
        violations = [*scene.doubts, *invariants.violations(result)]
        times.append(time.monotonic())
        figures = {"seed": seed, "violations": len(violations), "seconds": _lengths(times)}
        figures |= {"virtual": str(scene.world.now() - first).partition(".")[0], **result.figures(), **scene.figures}
    if not violations:
        shutil.rmtree(folder)
    return figures, violations


def _lengths(times: list) -> dict:
    """How long each part took, in real seconds."""
    lengths = [round(after - before) for before, after in zip(times, times[1:])]
    return dict(zip(("deploy", "set_up", "burst", "mixed", "drain", "check"), lengths)) | {"all": round(times[-1] - times[0])}


def _set_up(scene) -> None:
    """Half of the templates have an image before faults begin."""
    scene.policy(max_concurrent_builds=20, budgets=dict.fromkeys(("daily", "monthly", "emergency"), 99 * environment.ONE_BUILD))
    for template in scene.templates[::2]:
        template.will("succeed")
        scene.start({"template": template.name})
    scene.aws.wait_until(lambda: not scene.running(), timeout=120, every=0.2)


def _burst(scene) -> None:
    """Every template is asked for at once, with money for a few."""
    rnd = Random(f"{scene.seed} burst")
    scene.policy(budgets={"daily": 12 * environment.ONE_BUILD, "monthly": 15 * environment.ONE_BUILD, "emergency": 3 * environment.ONE_BUILD},
                 max_concurrent_builds=4, off_peak_window=environment.WINDOWS[0])  # fmt: skip
    wishes = [{"template": one.name} for one in scene.templates] + [people.wish(scene, rnd) for _ in scene.templates]
    rnd.shuffle(wishes)
    for given in wishes:
        scene.start(given)


def _run_actions(scene, seconds: float) -> None:
    """All actions run at once, each by random numbers of their own."""
    over = threading.Event()
    threads = [
        threading.Thread(target=_repeat, args=(scene, over, number, *action), name=action[0].__name__, daemon=True)
        for number, action in enumerate(ACTIONS)
    ]
    for thread in threads:
        thread.start()
    over.wait(seconds)
    over.set()
    for thread in threads:
        thread.join(120)


def _repeat(scene, over: threading.Event, number: int, action, least: float, most: float) -> None:
    """An action that fails in another way than by a refusal is a fault of the storm itself."""
    rnd = Random(f"{scene.seed} {number} {action.__name__}")
    while not over.wait(rnd.uniform(least, most)):
        try:
            while scene.aws.invocations() > _MOST_INVOCATIONS and not over.wait(0.5):
                pass
            action(scene, rnd)
        except REFUSALS as error:
            scene.count("actions_refused")
            print(f"storm: {action.__name__}: {error!r}"[:300], file=sys.stderr) if scene.loud else None
        except Exception as error:
            scene.doubt(f"{action.__name__} failed: {error!r}"[:300])
