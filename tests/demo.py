"""`make demo`: the whole story in a minute, on the embedded AWS.

Deploys the product, applies the example templates, builds their first AMIs, lets upstream publish its next real
releases, and shows what follows as it happens. Ends with a summary, and with 1 if a step did not happen. Everything
that it starts is ended with it; target/demo keeps the logs and `report.json`:

    {
      "ok": true,                       every step happened
      "seconds": 21.4,                  how long it took, in real time
      "virtual": {"from": "2024-11-18T09:00:00Z", "to": "…"},
      "steps": [                        in their order
        {
          "step": "noticed",            its name: see STEPS in demo_story/report.py
          "title": "New base images are noticed",
          "ok": true,                   false: it did not happen; null: the story ended before it
          "fact": "…",                  one sentence: what happened, or why it did not
          "look_at": null,              where to look, if it did not
          "at": "2024-11-28T15:05:03Z", the virtual time at its end
          "seconds": 1.2,               how long it took, in real time
          "facts": {…}                  names and values, as AWS and the table have them
        }, …
      ],
      "emails": [{"at": "…", "subject": "…", "body": "…"}, …]   all that were sent, in order
    }

Money in `facts` is in micro-dollars.
"""

import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.demo_story import screen, upstream  # noqa: E402
from tests.demo_story.chapters import Story  # noqa: E402
from tests.demo_story.report import DidNotHappen, Report  # noqa: E402
from tests.demo_story.world import World  # noqa: E402
from tests.local_aws import LocalAws  # noqa: E402

STATE = ROOT / "target/demo"


def main() -> int:
    report, aws, interrupted = Report(), None, False
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    introduce()
    try:
        with screen.patience():
            aws = deploy(report)
            Story(World(aws), report).tell()
    except KeyboardInterrupt:
        interrupted = True
    except Exception as failure:  # told in the summary
        report.blame(failure)
    finally:
        if aws is not None:
            for one in (signal.SIGINT, signal.SIGTERM):
                signal.signal(one, signal.SIG_IGN)  # ending takes a moment, and has to be done
            report.virtual["to"] = [step["at"] for step in report.steps.values() if step["at"]][-1]
            if not report.ok:
                screen.say("\nWhat was started is ended now; that may take some seconds.", "dim")
            aws.stop()
    report.summarise()
    report.write(STATE / "report.json")
    conclude(report, interrupted)
    return 130 if interrupted else 0 if report.ok else 1


def introduce() -> None:
    screen.say("Prism Auto-AMI, once round", "bold", indent=0)
    screen.say("A template says what is on a machine image (AMI): the public base image it stands on, packages, users.\n"
               "When a base image moves, the AMIs on it are rebuilt: in time, in quiet hours, within budget.\n"
               "All of this runs here, on an embedded AWS: no account, no network, no cost. Times are virtual:\n"
               "the clock is moved ahead wherever one would have to wait.", indent=0)  # fmt: skip


def deploy(report: Report) -> LocalAws:
    screen.heading(1, "The product is deployed into an empty account", upstream.START)
    with report.step("deployed") as step:
        missing = [str(file.relative_to(ROOT)) for file in (ROOT / "target/debug/prism", ROOT / "target/lambda/notify/bootstrap")
                   if not file.exists()]  # fmt: skip
        if missing:
            raise DidNotHappen(f"{' and '.join(missing)} is not built", "the Makefile: make demo builds it first")
        screen.say("The embedded AWS is started, and CloudFormation creates the stack in it.", "dim")
        try:
            aws = LocalAws.start(STATE, ROOT / "infra/template.yaml", ROOT / "target/lambda", bin_dir=ROOT / "target/debug",
                                 at=upstream.START.isoformat().replace("+00:00", "Z"))  # fmt: skip
        except SystemExit as failure:
            raise DidNotHappen(str(failure)) from None
        functions = sum(name.endswith("FunctionName") for name in aws.outputs)
        step["facts"] = {"endpoint": aws.endpoint, **aws.outputs}
        step["at"] = report.virtual["from"] = aws.clock.now()
        step["fact"] = f"{functions} functions, two state machines and two tables, from infra/template.yaml"
    return aws


def conclude(report: Report, interrupted: bool) -> None:
    if report.ok:
        screen.say(
            f"\nAll of it happened, in {report.seconds:.0f} s. The embedded AWS is ended; these are left:", indent=0
        )
        screen.table([("target/demo/report.json", "the same facts, for programs"),
                      ("target/demo/logs/", "what each function wrote")])  # fmt: skip
        screen.say("To go on by hand:", indent=0)
        screen.table([("make local", "starts the same and leaves it running"),
                      (". target/local/env", "lets prism, and every AWS tool, find it"),
                      ("prism templates auto-ami status", "tells how all templates stand"),
                      ("make local-stop", "ends it")])  # fmt: skip
    else:
        why = "Interrupted" if interrupted else "Not all of it happened"
        screen.say(f"\n{why}. Nothing runs any more; target/demo keeps the logs and report.json.", indent=0)


if __name__ == "__main__":
    sys.exit(main())
