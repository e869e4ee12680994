"""What vendors publish, as the embedded AWS serves it to collect-advisories."""

import json
from datetime import timedelta

KEV = "/sites/default/files/feeds/known_exploited_vulnerabilities.json"
NOTICES = "/security/notices.json?limit=20&offset=0&order=newest"
DSA = "/security-tracker-team/security-tracker/-/raw/master/data/DSA/list"

# A package with a vulnerability, and with its fix.
OLD, NEW = ["openssl", "3.0.11-1~deb12u8"], ["openssl", "3.0.11-1~deb12u9"]


def clear(world) -> None:
    """As if nobody had published anything yet."""
    world.aws.control("feeds/clear", {})
    for item in world.advisories.all():
        world.advisories.delete(item["pk"], item["sk"])


def collect(world, *feeds) -> dict:
    """Reads feeds, all of which are well, and lets what comes of that happen."""
    found = world.invoke("collect-advisories", {"feeds": list(feeds)})
    assert all(not feed["failure"] for feed in found["feeds"].values()), found
    world.aws.settle()
    return found


def kev(*entries) -> str:
    """What is exploited, and since when."""
    rows = [{"cveID": cve, "dateAdded": added, "vendorProject": "x", "product": "y"} for cve, added in entries]
    return json.dumps({"title": "t", "catalogVersion": "1", "count": len(rows), "vulnerabilities": rows})


def dsa(day: str, number: int, cve: str, package="openssl", version="3.0.11-1~deb12u9") -> str:
    """An advisory of Debian's list."""
    return f"[{day}] DSA-{number}-1 {package} - security update\n\t{{{cve}}}\n\t[bookworm] - {package} {version}\n"


def notice(number: int, published: str, cve: str, package: str, version: str) -> str:
    """The record of an Ubuntu notice."""
    binary = {"binary_name": package, "binary_version": version}
    affected = {"package": {"ecosystem": "Ubuntu:22.04:LTS", "name": package}, "ecosystem_specific": {"binaries": [binary]}}
    record = {"id": f"USN-{number}-1", "published": published, "upstream": [cve], "affected": [affected]}
    return json.dumps(record)


def day(world, days: int, form="%d %b %Y") -> str:
    """A day before or after today."""
    return (world.now() + timedelta(days=days)).strftime(form)
