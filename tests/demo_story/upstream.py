"""The public base images of the story: real releases, by the names that their vendors gave them.

Each moves from one release to the next:

- Ubuntu 22.04, serials 20241113 and 20241120: as kubernetes/kops recorded them in channels/alpha, on 18 and 28
  November 2024 (https://github.com/kubernetes/kops/blob/master/channels/alpha).
- Amazon Linux 2023, releases 2023.6.20241111.0 and 2023.6.20241121.0: the release notes
  (https://docs.aws.amazon.com/linux/al2023/release-notes/relnotes-2023.6.20241121.html), and the changelog of
  https://github.com/aws/amazon-ecs-ami, which lists no release between them.

Debian 12 stays at 20240717-1811, an official image that many public configurations name, so that there is a template
that nothing happens to: Debian's newer ones are left out. The dates are those in the names; AMI ids are the embedded
AWS's own.

What Canonical tells of the vulnerability that its release fixes is made up. Of the vulnerabilities that are known to be
exploited, one of those that CISA listed by then stands for all (https://www.cisa.gov/known-exploited-vulnerabilities-catalog).
"""

import json
from dataclasses import dataclass
from datetime import datetime, timezone


def _utc(*parts) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)


# A Monday when the earlier releases were out and a Thursday when the later ones were.
START = _utc(2024, 11, 18, 9, 0)
RELEASED = _utc(2024, 11, 28, 14, 50)


@dataclass(frozen=True)
class Base:
    """A base image: where its vendor publishes it, and its releases as (name, day), in their order."""

    name: str
    owner: str
    parameter: str  # {} stands for the architecture as the vendor writes it
    spelled: dict  # the architecture -> as the vendor writes it
    releases: tuple


BASES = (
    Base("ubuntu-22.04", "099720109477",
         "/aws/service/canonical/ubuntu/server/22.04/stable/current/{}/hvm/ebs-gp2/ami-id",
         {"x86_64": "amd64", "arm64": "arm64"},
         (("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-{}-server-20241113", "2024-11-13"),
          ("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-{}-server-20241120", "2024-11-20"))),
    Base("amazon-linux-2023", "137112412989",
         "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}",
         {"x86_64": "x86_64", "arm64": "arm64"},
         (("al2023-ami-2023.6.20241111.0-kernel-6.1-{}", "2024-11-11"),
          ("al2023-ami-2023.6.20241121.0-kernel-6.1-{}", "2024-11-21"))),
    Base("debian-12", "136693071363", "/aws/service/debian/release/12/latest/{}", {"x86_64": "amd64"},
         (("debian-12-{}-20240717-1811", "2024-07-17"),)),
)  # fmt: skip


NOTICE = {
    "id": "USN-9999-1", "published": "2024-11-19T10:00:00Z", "summary": "OpenSSL vulnerability", "upstream": ["CVE-2024-1234"],
    "affected": [{"package": {"ecosystem": "Ubuntu:22.04:LTS", "name": "openssl"}, "ecosystem_specific": {
        "binaries": [{"binary_name": "openssl", "binary_version": "3.0.2-0ubuntu1.99"}],
        "cves_map": {"cves": [{"id": "CVE-2024-1234", "severity": [{"type": "Ubuntu", "score": "high"}]}]}}}],
}  # fmt: skip

EXPLOITED = {"cveID": "CVE-2024-1086", "dateAdded": "2024-05-30", "vendorProject": "Linux", "product": "Kernel"}


def tell(aws) -> None:
    """Publishes what is known of vulnerabilities, where collect-advisories reads it."""
    index = f"{NOTICE['published']},{NOTICE['id']}\n"
    aws.publish_feed("ubuntu-osv", "/Ubuntu/modified_id.csv", index)
    aws.publish_feed("ubuntu-osv", f"/Ubuntu/{NOTICE['id']}.json", json.dumps(NOTICE))
    listed = "/sites/default/files/feeds/known_exploited_vulnerabilities.json"
    aws.publish_feed("kev", listed, json.dumps({"vulnerabilities": [EXPLOITED]}))


def publish(aws, release: int) -> list:
    """Publishes every base image's release of this number, if it has one: rows of (base, architecture, name, AMI)."""
    published = []
    for base in BASES:
        for architecture, spelled in base.spelled.items():
            if release >= len(base.releases):
                continue
            name, day = (text.format(spelled) for text in base.releases[release])
            ami = aws.register_image(base.owner, name, architecture=architecture, creation_date=f"{day}T12:00:00Z")
            aws.publish_parameter(base.parameter.format(spelled), ami)
            published.append((base.name, architecture, name, ami))
    return published
