"""Templates and policies with faults, as `prism` is given them: a sentence for each fault, and nothing written."""

import os
import subprocess

from tests.local_aws.clock import preload
from tests.system.bases import ROOT

TEMPLATE = """
name: 7
slug: Not A Slug
base: ubuntu-99.04
colour: blue
packages: {system: ["git; rm -rf /"], snap: [hello]}
users: [{name: "root; reboot"}]
instance_defaults: {root_volume_gb: huge}
"""

POLICY = """
auto_ami_policy:
  off_peak_window: "25:00-26:00"
  popularity_threshold: many
  daily_budget: lots
  colour: blue
"""


def prism(world, *arguments, key=("test", "test"), timeout=60, now=False, **more) -> subprocess.CompletedProcess:
    """Runs it as somebody with this access key, who may do everything unless one is given; `now`, by the world's clock."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(world.aws.state_dir), "AWS_ENDPOINT_URL": world.aws.endpoint,
                   "AWS_REGION": world.aws.region, "AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1],
                   "NO_COLOR": "1", **(preload(world.aws.state_dir / "clock") if now else {})}  # fmt: skip
    return subprocess.run([ROOT / "target/debug/prism", *map(str, arguments)], env=environment, capture_output=True,
                          text=True, timeout=timeout, **more)  # fmt: skip


def written_since(before: list, world) -> list:
    """The items that are new or changed. Items of other tests may expire meanwhile."""
    return [item for item in world.table.all() if item not in before]


def test_a_template_with_faults_is_refused_with_all_of_them(world, tmp_path):
    file, sound = tmp_path / "bad.yaml", tmp_path / "sound.yaml"
    file.write_text(TEMPLATE)
    sound.write_text("name: Sound\nslug: sound\nbase: debian-12\n")
    before = world.table.all()
    done = prism(world, "templates", "apply", file, sound)
    assert done.returncode != 0
    for field in ("slug", "base", "colour", "packages.system[0]", "snap", "users[0].name", "root_volume_gb"):
        assert field in done.stderr, (field, done.stderr)
    assert "panicked" not in done.stderr
    assert written_since(before, world) == [], "nor is the sound one applied"


def test_a_policy_with_faults_is_refused_with_all_of_them(world, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    before = world.table.all()
    done = prism(world, "policy", "apply", file)
    assert done.returncode != 0
    for field in ("off_peak_window", "popularity_threshold", "daily_budget", "colour"):
        assert field in done.stderr, (field, done.stderr)
    assert written_since(before, world) == []


def test_a_template_that_is_applied_can_be_built_and_its_policy_holds(world, tmp_path):
    base = world.base("debian-13", "x86_64")
    template, policy = tmp_path / "applied.yaml", tmp_path / "policy.yaml"
    name = f"applied-{os.getpid()}"
    template.write_text(f"name: Applied\nslug: {name}\nbase: {base.name}\npackages: {{system: [git]}}\n")
    policy.write_text("auto_ami_policy:\n  emergency_budget: 0.5\n")
    for done in (prism(world, "templates", "apply", template), prism(world, "policy", "apply", policy)):
        assert done.returncode == 0, done.stderr
    applied = world.adopt(name, base)
    assert applied.built()["ending"]["kind"] == "complete"
    world.start(applied, urgent=True)
    assert "raise emergency_budget in the policy" in applied.waits()["reason"]


def test_a_policy_that_takes_a_base_image_from_its_vendor_needs_a_yes_and_people_hear_of_it(world, tmp_path):
    file = tmp_path / "policy.yaml"
    own = '{name: sles-16, owner: "123456789012", names: ["suse-sles-16-*"]}'
    file.write_text(f"auto_ami_policy: {{base_images: [{own}]}}\n")
    before = world.table.get("POLICY", "CURRENT")
    refused = prism(world, "policy", "apply", file, stdin=subprocess.DEVNULL)
    assert refused.returncode != 0 and "give --yes" in refused.stderr, refused.stderr
    assert world.table.get("POLICY", "CURRENT") == before
    applied = prism(world, "policy", "apply", file, "--yes")
    assert applied.returncode == 0, applied.stderr
    version = world.table.get("POLICY", "CURRENT")["version"]
    told = f"base-images-replaced:{version}"
    world.until(lambda: [one for one in world.inbox.all() if one.id == told and "sles-16" in one.body])
