"""What people do: ask, hurry, stop, edit templates and policies. Each function is one act of somebody."""

from concurrent.futures import ThreadPoolExecutor

from tests.storm.environment import ONE_BUILD, REGIONS, WINDOWS

# Names that Step Functions takes and hardly anybody thinks of.
_ODD = ("it's+me", "a=b@home", "v1.2.3", "Zürich", "ビルド", "..", "-", "é" * 40, "x" * 80)
_VOLUMES = (8, 20, 20, 20, 50, 200, 2000, 16000)


def ask(environment, rnd) -> None:
    """Somebody asks for a build."""
    environment.start(wish(environment, rnd))


def ask_at_once(environment, rnd) -> None:
    """Four ask for the same template at the same moment, two of them urgently."""
    template = rnd.choice(environment.templates)
    wishes = [{"template": template.name}, {"template": template.name, "urgent": True}] * 2
    rnd.shuffle(wishes)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(environment.start, wishes))


def ask_under_an_odd_name(environment, rnd) -> None:
    name = f"{rnd.choice(_ODD)}-{rnd.randrange(10**6)}"[-80:]
    environment.start({"template": rnd.choice(environment.templates).name}, name)
    environment.count("odd_names")


def ask_wrongly(environment, rnd) -> None:
    """What nobody can build: it is refused in a sentence."""
    name = rnd.choice(environment.templates).name
    wrong = [{}, {"template": "nobody-has-this"}, {"template": name, "colour": "red"}, [], "x", {"template": name * 9}]
    environment.start(rnd.choice(wrong))
    environment.count("wrong_requests")


def stop(environment, rnd) -> None:
    """Somebody stops an execution, whatever it is."""
    if recent := environment.recent_executions():
        environment.aws.client("stepfunctions").stop_execution(executionArn=rnd.choice(recent), cause="storm \x1b[31m")
        environment.count("stops")


def approve(environment, rnd) -> None:
    """Somebody approves what waits for a person."""
    if waiting := environment.waiting_for_approval():
        environment.decide({"build": rnd.choice(waiting)["held"]["queued"]["build"], "reject": rnd.random() < 0.2})
        environment.count("approvals")


def edit_template(environment, rnd) -> None:
    """Most of all a template whose build waits: what was estimated is not what will be frozen."""
    waiting = [environment.template_of(claim["target"]["template"]) for claim in environment.claims("waiting")]
    template = rnd.choice(waiting if waiting and rnd.random() < 0.7 else environment.templates)
    defaults = {**template.written["instance_defaults"], "root_volume_gb": rnd.choice(_VOLUMES)}
    packages = {"system": ["git", *rnd.sample(["curl", "jq", "vim", "htop"], rnd.randrange(4))]}
    environment.change_template(template, instance_defaults=defaults, packages=packages)


def edit_policy(environment, rnd) -> None:
    """Money, builders, regions, windows and rules change while builds wait."""
    builds = rnd.choice([2, 5, 9, 30])
    dearest = rnd.choice([None, None, 2 * ONE_BUILD, 20 * ONE_BUILD])
    environment.policy(
        budgets={
            "daily": rnd.choice([2, builds, builds]) * ONE_BUILD,
            "monthly": builds * ONE_BUILD * rnd.choice([1, 1, 3]),
            "emergency": rnd.choice([1, 3, 40]) * ONE_BUILD,
        },
        max_concurrent_builds=rnd.choice([1, 3, 6, 6]),
        max_cost_by_level={"critical": dearest, "high": dearest, "medium": None, "low": None},
        regions=rnd.sample(REGIONS, rnd.randrange(len(REGIONS) + 1)),
        off_peak_window=rnd.choice(WINDOWS),
        urgent_window=rnd.choice([None, WINDOWS[0]]),
        prefer_off_peak=rnd.random() < 0.3,
        rebuild_on_rollback=rnd.random() < 0.5,
        emergency_needs_approval=rnd.random() < 0.3,
        low_needs_approval=rnd.random() < 0.7,
    )
    environment.invoke("schedule-builds")


def wish(environment, rnd) -> dict:
    """A request as a person writes it."""
    given = {"template": rnd.choice(environment.templates).name}
    if rnd.random() < 0.25:
        given["urgent"] = True
    if rnd.random() < 0.15:
        given["architectures"] = rnd.choice([["x86_64", "arm64"], ["arm64"]])
    if rnd.random() < 0.2:
        given["max_cost"] = rnd.choice(["0.01", "1.08", "5", "300"])
    if rnd.random() < 0.1:
        given["reason"] = "storm \x1b[31m\n'; DROP \u202e"
    if rnd.random() < 0.1:
        given["deadline"] = rnd.choice(["2026-12-24T18:00:00Z", "2026-12-01T00:00:00Z"])
    return given


ACTIONS = [
    (ask, 0.2, 0.8),
    (ask, 0.2, 0.8),
    (ask_at_once, 1, 4),
    (ask_under_an_odd_name, 2, 6),
    (ask_wrongly, 3, 8),
    (stop, 0.7, 2.5),
    (approve, 1, 4),
    (edit_template, 0.4, 2),
    (edit_policy, 2, 7),
]
