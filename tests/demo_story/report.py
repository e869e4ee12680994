"""The steps of the story: which happened, with what fact, and what to look at where one did not."""

import json
import time
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from tests.demo_story import screen

STEPS = {
    "deployed": "The stack is deployed",
    "templates": "Templates are applied",
    "asked": "First builds are asked for",
    "first-images": "First AMIs are published",
    "noticed": "New base images are noticed",
    "judged": "Each update is judged",
    "planned": "Rebuilds are planned",
    "announced": "People hear before it happens",
    "on-time": "Builds start in their slot",
    "built": "Image Builder makes the AMIs",
    "tagged": "The new AMIs tell their origin",
    "pointed": "Parameters name the new AMIs",
    "settled": "The money is settled",
    "mailed": "People hear how it ended",
    "untouched": "What did not move is left alone",
}


class DidNotHappen(Exception):
    """A step did not happen: why, and where to look."""

    def __init__(self, why: str, look_at: str = "target/demo/server.log"):
        super().__init__(why)
        self.look_at = look_at


class Report:
    """Collects the steps; prints the summary; writes the file."""

    def __init__(self):
        self.began = time.monotonic()
        self.steps = {name: {"step": name, "title": title, "ok": None, "fact": "not reached", "look_at": None,
                             "at": None, "seconds": None, "facts": {}} for name, title in STEPS.items()}  # fmt: skip
        self.emails = []
        self.virtual = {"from": None, "to": None}

    @contextmanager
    def step(self, name: str, world=None):
        """One step: what is done inside sets its `fact` and `facts`, or raises."""
        step = self.steps[name]
        step["fact"] = "interrupted"
        began = time.monotonic()
        try:
            yield step
            step["ok"] = True
            screen.say(f"\n{screen.paint('✓', 'green')} {step['fact']}\n")
        except DidNotHappen as failure:
            self._failed(step, str(failure), failure.look_at)
            raise
        except Exception as failure:
            self._failed(step, f"{type(failure).__name__}: {failure}", "target/demo/server.log and target/demo/logs/")
            raise DidNotHappen(step["fact"], step["look_at"]) from failure
        finally:
            step["seconds"] = round(time.monotonic() - began, 2)
            if world is not None:
                try:
                    step["at"] = world.aws.clock.now()
                except (OSError, ValueError):  # it has ended, which the step's failure tells
                    pass

    @staticmethod
    def _failed(step: dict, why: str, look_at: str) -> None:
        step.update(ok=False, fact=why, look_at=look_at)
        screen.say(f"{screen.paint('✗', 'red', 'bold')} {why}")
        screen.say(f"  Look at {look_at}")

    def blame(self, failure: Exception) -> None:
        """What went wrong between two steps is the fault of the next one."""
        if not any(step["ok"] is False for step in self.steps.values()):
            step = next(step for step in self.steps.values() if step["ok"] is None)
            self._failed(step, f"{type(failure).__name__}: {failure}", "target/demo/server.log and target/demo/logs/")

    @property
    def ok(self) -> bool:
        return all(step["ok"] for step in self.steps.values())

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self.began, 1)

    def summarise(self) -> None:
        screen.say("\nSummary", "bold", indent=0)
        marks = {True: screen.paint("✓", "green"), False: screen.paint("✗", "red", "bold"), None: "·"}
        width = max(len(step["title"]) for step in self.steps.values())
        for step in self.steps.values():
            screen.say(f"{marks[step['ok']]} {step['title'].ljust(width)}  {step['fact']}")
            if step["ok"] is False:
                screen.say(f"  {' ' * width}  look at {step['look_at']}")

    def write(self, file: Path) -> None:
        told = {"ok": self.ok, "seconds": self.seconds, "virtual": self.virtual,
                "steps": list(self.steps.values()), "emails": self.emails}  # fmt: skip
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(told, indent=2, ensure_ascii=False, default=_plain) + "\n")


def _plain(value):
    """As JSON has it: DynamoDB's numbers, and instants."""
    return int(value) if isinstance(value, Decimal) else value.isoformat().replace("+00:00", "Z")
