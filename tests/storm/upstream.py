"""What vendors do, and what the system does about it by itself: images move, go back, and lack fixes."""

from tests.system import feeds, patches


def release(environment, rnd) -> None:
    environment.move_base(rnd.choice(environment.bases))


def go_back(environment, rnd) -> None:
    """A vendor withdraws an image: the parameter names the one before again."""
    base = rnd.choice(environment.bases)
    past = (environment.table.get(*base.tracked) or {}).get("past")
    if past:
        environment.world.publish(base, past[0]["image"]["image_id"])
        environment.count("rollbacks")
        environment.invoke("watch-base-images")


def lack_a_fix(environment, rnd) -> None:
    """An image that is published lacks a fix: its rebuild is asked for as assess-updates does."""
    published = [one for one in rnd.sample(environment.templates, 6) if one.channel()]
    for template in published[:1]:
        number = int(template.channel()["build"].rpartition("-")[2])
        level = rnd.choice(["critical", "high", "medium"])
        patches.found(template, f"openssl 3.0.{rnd.randrange(1000)}-1", level=level, number=number)
        environment.look(template)
        environment.count("patches")


def warn(environment, rnd) -> None:
    """Debian publishes an advisory, and sometimes CISA that what it fixes is exploited."""
    number, world = len(environment.advisories) + 1, environment.world
    package = rnd.choice(["openssl", "curl", "systemd"])
    environment.advisories.append((feeds.day(world, 0), number, f"CVE-2026-{number:04}", package, rnd.random() < 0.4))
    newest = reversed(environment.advisories)
    listed = "".join(feeds.dsa(day, one, cve, package, f"9:{one}") for day, one, cve, package, _ in newest)
    exploited = [(cve, feeds.day(world, 0, "%Y-%m-%d")) for _, _, cve, _, known in environment.advisories if known]
    environment.aws.publish_feed("debian-dsa", feeds.DSA, listed)
    environment.aws.publish_feed("kev", feeds.KEV, feeds.kev(*exploited))
    environment.count("advisories")
    environment.invoke("collect-advisories")


ACTIONS = [(release, 2, 8), (go_back, 10, 25), (lack_a_fix, 2, 7), (warn, 3, 10)]
