"""Looking things up, and waiting till they are so."""

from datetime import date

from tests.demo_story.report import DidNotHappen
from tests.demo_story.screen import dollars
from tests.demo_story.world import World


def check(so: bool, why: str, look_at: str) -> None:
    if not so:
        raise DidNotHappen(why, look_at)


def awaited(world: World, so, why: str, look_at: str):
    """Waits till something is so, and returns it."""
    try:
        return world.aws.wait_until(so, timeout=20)
    except TimeoutError:
        world.refuse_failed_executions()
        raise DidNotHappen(f"{why} within 20 s", look_at) from None


def running(world: World, templates, number: int) -> dict:
    """The builds of this number, once Image Builder has started on each."""

    def started():
        found = {name: world.build(name, number) for name in templates}
        return all(one.get("run") for one in found.values()) and found

    return awaited(world, started, f"Image Builder did not start on {', '.join(templates)}", log_of("start-image"))


def log_of(function: str) -> str:
    return f"target/demo/logs/prism-auto-ami-{function}.log"


def published(world: World, template: str, number: int) -> str:
    """The AMI of the channel, which must be of this build."""
    channel = world.channel(template)
    wanted = world.build(template, number).get("id")
    is_it = wanted is not None and channel.get("build") == wanted
    have = channel.get("build") or "no AMI"
    check(is_it, f"{template} has {have} published, not {wanted}", log_of("publish-image"))
    return channel["amis"][world.aws.region]


def name_of(world: World, ami: str) -> str:
    return world.aws.client("ec2").describe_images(ImageIds=[ami])["Images"][0]["Name"].split("/")[-1]


def cost(build: dict) -> str:
    return dollars(build["reservation"]["state"].get("amount", 0))


def stands_on(world: World, template: str) -> tuple:
    """The base image of the published AMI, and its architecture."""
    channel = world.channel(template)
    return channel["base"], channel["sk"].split("#")[1]


def budget_name(period: str) -> str:
    """`daily#2024-11-29` in words."""
    kind, _, part = period.partition("#")
    day = date.fromisoformat(part if kind == "daily" else f"{part}-01")
    return f"{day:%-d %B}" if kind == "daily" else f"{day:%B}" + (" emergencies" if kind == "emergency" else "")
