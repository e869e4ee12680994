"""The chapters of the story: each does something, shows what followed, and ticks off its steps."""

from datetime import timedelta

from tests.demo_story import screen, upstream
from tests.demo_story.looking import awaited, budget_name, check, cost, log_of, name_of, published, running, stands_on
from tests.demo_story.report import Report
from tests.demo_story.screen import dollars, moment, plural, say, span, time_of
from tests.demo_story.world import World

# The templates of examples/templates: what stands on Ubuntu and on Amazon Linux will move, what stands on Debian not.
MOVING = ("python-ml", "r-research")
STAYING = "genomics-basics"
TEMPLATES = (*MOVING, STAYING)
# How long Image Builder is told to take, in virtual minutes.
MINUTES = {"python-ml": 22, "r-research": 25, "genomics-basics": 19}
SCAN = timedelta(minutes=15)
STATES = {"PENDING": "accepted", "CREATING": "a builder is started", "BUILDING": "the template is applied",
          "TESTING": "the AMI is booted and tested", "DISTRIBUTING": "the AMI is tagged and shared",
          "INTEGRATING": "almost done", "AVAILABLE": "done", "FAILED": "failed", "CANCELLED": "cancelled"}  # fmt: skip


class Story:
    """What the chapters hand on to each other."""

    def __init__(self, world: World, report: Report):
        self.world, self.report = world, report
        self.chapter = 1  # deploying was the first
        self.last = upstream.START
        self.updates, self.plans, self.before = {}, {}, {}

    def step(self, name: str):
        return self.report.step(name, self.world)

    def heading(self, title: str) -> None:
        self.chapter += 1
        now = self.world.now()
        screen.heading(self.chapter, title, now, self.last)
        self.last = now

    def tell(self) -> None:
        for chapter in (
            templates,
            first_images,
            release,
            judge,
            plan,
            build,
            look_at_images,
            look_at_money,
            hear,
            leave_alone,
        ):
            chapter(self)

    def mails(self, *ids: str) -> list:
        come = self.world.mails(*ids)
        self.report.emails += [{name: one[name] for name in ("at", "subject", "body")} for one in come]
        return come


def script(world: World, templates) -> None:
    """Tells the stand-in for Image Builder how long the next build of each takes."""
    for template in templates:
        world.aws.script_image_builder("succeed", seconds=MINUTES[template] * 60, template=template)


def templates(story: Story) -> None:
    world = story.world
    story.heading("Somebody describes the images they want")
    with story.step("templates") as step:
        upstream.publish(world.aws, 0)
        screen.shell("prism templates apply examples/templates")
        say(world.prism("templates", "apply", "examples/templates"))
        applied = {one["name"]: one["template"]["base"] for one in world.items("TEMPLATES")}
        missing = sorted({*TEMPLATES} - {*applied})
        check(not missing, f"{', '.join(missing)} is not in the table", "what prism answered above")
        step["facts"] = applied
        step["fact"] = f"{', '.join(TEMPLATES)}"


def first_images(story: Story) -> None:
    world = story.world
    story.heading("Their first AMIs are built by hand")
    say("Base images are looked at every 15 minutes. The clock is moved to the first look.\n", "dim")
    world.advance(SCAN)
    script(world, TEMPLATES)
    with story.step("asked") as step:
        say('One from the Step Functions console: build-image, Start execution, {"template": "python-ml"}')
        world.start({"template": "python-ml"})
        say("The others on the command line:")
        screen.shell("prism templates auto-ami build r-research")
        say(world.prism("templates", "auto-ami", "build", "r-research"))
        screen.shell("prism templates auto-ami build genomics-basics")
        world.prism("templates", "auto-ami", "build", "genomics-basics")
        say("(answers alike)", "dim")
        builds = running(world, TEMPLATES, 1)
        step["facts"] = {name: one["execution"] for name, one in builds.items()}
        step["fact"] = "python-ml from the console, r-research and genomics-basics with prism"
    with story.step("first-images") as step:
        say(
            f"EC2 Image Builder works. The clock is moved past the {max(MINUTES.values())} minutes that it takes.\n",
            "dim",
        )
        began = world.now()
        follow(world, timedelta(minutes=5), builds)
        rows = []
        for name in TEMPLATES:
            ami, one = published(world, name, 1), world.build(name, 1)
            rows.append((name, ami, name_of(world, one["frozen"]["base_image_id"]), cost(one)))
            step["facts"][name] = ami
        screen.table(rows, ("template", "AMI", "stands on", "cost"), right=(3,))
        come = story.mails(*(f"build-complete:{one['id']}" for one in builds.values()))
        say("A cost is the builder's time and the AMI's first month of storage.\n", "dim")
        say("E-mails (the later ones are shown in full):")
        screen.table([(one["subject"],) for one in come])
        step["fact"] = (
            f"{plural(len(rows), 'AMI')} after {span(world.now() - began)}, with {plural(len(come), 'e-mail')}"
        )


def release(story: Story) -> None:
    world = story.world
    upstream.tell(world.aws)
    world.go_to(upstream.RELEASED)
    story.heading("Canonical and Amazon publish new base images")
    new = upstream.publish(world.aws, 1)
    screen.table([(base, architecture, name.split("/")[-1]) for base, architecture, name, _ in new],
                 ("base image", "for", "new release"))  # fmt: skip
    say("Real releases of November 2024; the AMI ids are made up. Debian publishes nothing.\n", "dim")
    with story.step("noticed") as step:
        say(
            "Nobody tells the product. The clock is moved 15 minutes: the function watch-base-images looks again.",
            "dim",
        )
        world.advance(SCAN)
        for base, architecture, name, ami in new:
            partition = f"BASE#{base}#{architecture}"
            found = awaited(world, lambda: [one for one in world.items(partition, "UPDATE#") if one["image_id"] == ami],
                            f"{name} was not noticed", log_of("watch-base-images"))  # fmt: skip
            story.updates[(base, architecture)] = found[-1]
        seen = max(moment(one["updated_at"]) for one in story.updates.values())
        step["facts"] = {"/".join(image): one["updated_at"] for image, one in story.updates.items()}
        step["fact"] = (
            f"all {len(new)} noticed at {time_of(seen)}, {span(seen - upstream.RELEASED)} after their release"
        )


def judge(story: Story) -> None:
    world = story.world
    story.heading("How bad is it to stay on the old ones?")
    with story.step("judged") as step:
        told = []
        for template in MOVING:
            base, architecture = stands_on(world, template)
            update = story.updates[(base, architecture)]
            level, sure = update["security_level"], update["confidence"]
            say(f"{base} ({architecture}), on which {template} stands", "bold")
            screen.table([("level", f"{level.upper()}, a {update['update_type']} update; confidence: {sure}"),
                          *(("why", reason) for reason in update["reasons"]),
                          ("fixes", ", ".join(update["cves"]) or "no list of vulnerabilities is known"),
                          ("from", update["previous_image_name"].split("/")[-1]),
                          ("to", update["image_name"].split("/")[-1]), ("see", update["changelog_url"] or "-")])  # fmt: skip
            say()
            check(bool(update["reasons"]), f"the update of {base} has no reason", log_of("watch-base-images"))
            step["facts"][base] = {name: update[name] for name in
                                   ("security_level", "confidence", "update_type", "reasons", "cves")}  # fmt: skip
            told.append(f"{base} {level} (confidence {sure})")
        step["fact"] = ", ".join(told)


def plan(story: Story) -> None:
    world = story.world
    story.heading("When to rebuild, and who pays")
    with story.step("planned") as step:
        held = awaited(world, lambda: all((found := world.waiting()).get(name, {}).get("parked") for name in MOVING) and found,
                       f"no rebuild of {' and '.join(MOVING)} was queued", log_of("respond-to-update"))  # fmt: skip
        now, rows = world.now(), []
        for template in MOVING:
            slot, queued = held[template]["slot"], held[template]["queued"]
            at, due = moment(slot["at"]), moment(queued["demand"]["deadline"])
            story.plans[template] = {"build": queued["build"], "at": at, "budget": slot["source"], "due": due,
                                     "estimate": int(queued["estimate"]), "reason": slot["reason"]}  # fmt: skip
            rows.append((template, f"{time_of(at)}, in {span(at - now)}", time_of(due), dollars(queued["estimate"]),
                         f"the {slot['source']} budget"))  # fmt: skip
        screen.table(rows, ("template", "starts", "due by", "estimate", "paid from"), right=(3,))
        say()
        for template, one in story.plans.items():
            say(f"Why then? {template} {one['reason']}.", "dim")
        others = sorted({*held} - {*MOVING})
        check(
            not others,
            f"{', '.join(others)} is queued, though its base image did not move",
            log_of("respond-to-update"),
        )
        story.before = {one["period"]: one for one in world.budgets()}
        say()
        screen.table([(budget_name(one["period"]), dollars(one["limit"]), dollars(one["limit"] - one["committed"]))
                      for one in story.before.values()], ("budget", "limit", "left"), right=(1, 2))  # fmt: skip
        step["facts"] = story.plans
        step["fact"] = "; ".join(
            f"{name} on {time_of(one['at'])}, {dollars(one['estimate'])}" for name, one in story.plans.items()
        )
    with story.step("announced") as step:
        say("People hear of it now, by e-mail to whoever subscribed:\n")
        come = story.mails(*(f"update-available:{'/'.join(stands_on(world, name))}" for name in MOVING))
        for one in come:
            screen.letter(one["subject"], one["body"])
        first = min(one["at"] for one in story.plans.values())
        step["fact"] = (
            f"{plural(len(come), 'e-mail')}, {span(first - moment(come[-1]['at']))} before the first build starts"
        )


def build(story: Story) -> None:
    world = story.world
    script(world, MOVING)
    slot = min(one["at"] for one in story.plans.values())
    world.go_to(slot)
    story.heading("The slot has come")
    with story.step("on-time") as step:
        builds = running(world, MOVING, 2)
        for template, one in builds.items():
            late = moment(one["run"]["started_at"]) - story.plans[template]["at"]
            check(
                late < timedelta(minutes=5),
                f"{one['id']} started {span(late)} after its slot",
                log_of("schedule-builds"),
            )
            periods = " and ".join(budget_name(period) for period in one["reservation"]["periods"])
            say(
                f"{one['id']}: {dollars(one['reservation']['amount'])} reserved in {periods}; EC2 Image Builder started"
            )
            step["facts"][one["id"]] = {"slot": story.plans[template]["at"], "started_at": one["run"]["started_at"],
                                        "reserved": one["reservation"]["amount"], "image": one["run"]["arn"]}  # fmt: skip
        step["fact"] = f"{plural(len(builds), 'build')} started on {time_of(slot)}, as planned"
    with story.step("built") as step:
        say("The clock is moved a minute at a time. These are Image Builder's own events:\n", "dim")
        step["facts"] = follow(world, timedelta(minutes=1), builds, show=True)
        ended = {name: moment(world.build(name, 2)["outcome"]["ended_at"]) for name in builds}
        step["fact"] = "; ".join(
            f"{name} in {span(ended[name] - moment(one['run']['started_at']))}" for name, one in builds.items()
        )


def follow(world: World, length: timedelta, builds: dict, show: bool = False) -> dict:
    """Moves the clock till these builds have ended, and tells each state of their images as it is reached."""
    of_image = {one["run"]["arn"]: name for name, one in builds.items()}
    numbers = {name: int(one["id"].rsplit("-", 1)[1]) for name, one in builds.items()}
    seen = {name: [] for name in builds}
    width = max(map(len, builds))
    for _ in range(120):
        for when, arn, state in world.image_states():
            name = of_image.get(arn)
            if name:
                seen[name].append(state)
                if show:
                    say(
                        f"{time_of(when)}  {name.ljust(width)}  {state.ljust(12)}  "
                        + screen.paint(STATES.get(state, ""), "dim")
                    )
        world.refuse_failed_executions()
        if all(world.build(name, number).get("ending") for name, number in numbers.items()):
            break
        world.advance(length)
    for name, states in seen.items():
        check(states[-1:] == ["AVAILABLE"], f"the image of {name} went {' → '.join(states) or 'nowhere'}, not to AVAILABLE",
              log_of("finish-image"))  # fmt: skip
        check(
            bool(world.build(name, numbers[name]).get("ending")),
            f"the build of {name} did not end",
            log_of("close-build"),
        )
    return seen


def look_at_images(story: Story) -> None:
    world = story.world
    story.heading("The new AMIs")
    fresh = {}
    with story.step("tagged") as step:
        for template in MOVING:
            ami = fresh[template] = published(world, template, 2)
            image = world.aws.client("ec2").describe_images(ImageIds=[ami])["Images"][0]
            tags = {tag["Key"]: tag["Value"] for tag in image.get("Tags", [])}
            say(f"{ami}, of {template}", "bold")
            update = story.updates[stands_on(world, template)]
            screen.table([("name", image["Name"]), ("stands on", update["image_name"].split("/")[-1]),
                          *((f"tag {key}", value) for key, value in sorted(tags.items()))])  # fmt: skip
            say()
            wanted = {"prism:template": template, "prism:build-id": story.plans[template]["build"],
                      "prism:base-image-id": update["image_id"]}  # fmt: skip
            wrong = {key: tags.get(key) for key, value in wanted.items() if tags.get(key) != value}
            check(not wrong, f"the tags of {ami} are not as expected: {wrong}", log_of("start-image"))
            step["facts"][template] = {"ami": ami, "name": image["Name"], "tags": tags}
        step["fact"] = "each stands on the new release, and is tagged with template, build and base image"
    with story.step("pointed") as step:
        say("What is launched finds them in these parameters; what runs already is left alone.\n", "dim")
        for template, ami in fresh.items():
            name = f"/prism/auto-ami/{template}/{stands_on(world, template)[1]}/latest"
            history = world.aws.client("ssm").get_parameter_history(Name=name)["Parameters"]
            say(name, "bold")
            screen.table([(f"version {one['Version']}", one["Value"], one.get("Description", "")) for one in history])
            check(
                history[-1]["Value"] == ami, f"{name} names {history[-1]['Value']}, not {ami}", log_of("publish-image")
            )
            step["facts"][name] = ami
        step["fact"] = "; ".join(f"{template} is {ami}" for template, ami in fresh.items())


def look_at_money(story: Story) -> None:
    world = story.world
    story.heading("The money")
    ledger = "the items LEDGER in report.json, and " + log_of("close-build")
    with story.step("settled") as step:
        rows, spent = [], 0
        for template in MOVING:
            money = world.build(template, 2)["reservation"]
            state = money["state"]["state"]
            check(state == "settled", f"the money of {template} is {state}, not settled", ledger)
            spent += int(money["state"]["amount"])
            rows.append((template, dollars(money["amount"]), dollars(money["state"]["amount"])))
        screen.table(rows, ("template", "reserved", "spent"), right=(1, 2))
        say()
        after, rows = world.budgets(), []
        step["facts"] = {"spent": spent, "budgets": after, "LEDGER": world.items("LEDGER")}
        for one in after:
            kind, before = one["period"].partition("#")[0], story.before.get(one["period"], {"committed": 0})
            rows.append((budget_name(one["period"]), dollars(one["limit"]), dollars(one["limit"] - before["committed"]),
                         dollars(one["limit"] - one["committed"])))  # fmt: skip
            grown, expected = one["committed"] - before["committed"], 0 if kind == "emergency" else spent
            check(grown == expected, f"the {kind} budget lost {dollars(grown)}, not {dollars(expected)}", ledger)
            check(one["committed"] == one["spent"], f"some of the {kind} budget is still reserved", ledger)
        screen.table(rows, ("budget", "limit", "left before", "left now"), right=(1, 2, 3))
        step["fact"] = f"{dollars(spent)} spent; nothing stays reserved, no budget is overdrawn"


def hear(story: Story) -> None:
    story.heading("How it ended, by e-mail")
    with story.step("mailed") as step:
        come = story.mails(*(f"build-complete:{one['build']}" for one in story.plans.values()))
        for one in come:
            screen.letter(one["subject"], one["body"])
        subjects = [one["subject"] for one in story.report.emails]
        doubles = sorted({one for one in subjects if subjects.count(one) > 1})
        check(not doubles, f"sent more than once: {', '.join(doubles)}", log_of("notify"))
        step["fact"] = f"{plural(len(come), 'e-mail')}; {len(subjects)} in the whole story, none twice"


def leave_alone(story: Story) -> None:
    world = story.world
    story.heading("And the template whose base image did not move")
    with story.step("untouched") as step:
        builds = world.items(f"TEMPLATE#{STAYING}", "BUILD#")
        check(
            len(builds) == 1,
            f"{STAYING} has {plural(len(builds), 'build')}, though its base image did not move",
            log_of("plan-build"),
        )
        step["facts"] = {"template": STAYING, "builds": len(builds)}
        step["fact"] = f"{STAYING} was not rebuilt, since {stands_on(world, STAYING)[0]} did not move"
