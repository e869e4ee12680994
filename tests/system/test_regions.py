"""Launch parameters in several regions: the home region's first, every other by itself, all repaired."""

import pytest

from tests.system.test_files import prism

HOME, OTHERS = "us-east-1", ("eu-central-1", "us-west-2")


@pytest.fixture
def template(world):
    """A template whose image is launched in three regions. Its name is short: a subject is cut after 100 characters."""
    world.policy(regions=list(OTHERS))
    template = world.template(world.base("debian-12"))
    template.built()
    assert launched(template) == template.channel()["amis"]
    return template


def launched(template) -> dict:
    """The AMI that launches get, by region."""
    return {region: ami for region in (HOME, *OTHERS) if (ami := template.published(region))}


def test_a_region_whose_parameters_are_down_is_told_and_shown_and_keeps_no_other_on_the_old_image(world, template):
    before = launched(template)
    template.will("succeed")
    world.aws.outage("ssm", region="eu-central-1", count=10_000)
    assert world.ended(world.start(template))["status"] == "SUCCEEDED"
    world.aws.settle()
    amis = template.channel()["amis"]
    now = {**before, HOME: amis[HOME], "us-west-2": amis["us-west-2"]}
    told = template.notices("build-complete")[-1]
    assert "not yet for launches in eu-central-1" in told.subject and "Launches in eu-central-1" in told.body
    assert "us-west-2 do" not in told.body
    status = prism(world, "templates", "auto-ami", "status").stdout
    assert "(launches in eu-central-1 do not get it yet)" in status
    assert world.invoke("reconcile-builds")["failed"] >= 1, "that region could not be looked at"
    world.aws.forget()
    assert launched(template) == now
    assert world.invoke("reconcile-builds")["unpublished"] == 1
    world.until(lambda: launched(template) == amis)
    world.aws.settle()
    channel = template.channel()
    assert set(channel["verified"].values()) == {channel["version"]} == {channel["verified_version"]}
    assert "do not get it yet" not in prism(world, "templates", "auto-ami", "status").stdout


def test_a_home_region_whose_parameters_are_down_keeps_no_other_on_the_old_image(world, template):
    template.will("succeed")
    world.aws.outage("ssm", region=HOME, count=10_000)
    execution = world.start(template)
    world.until(lambda: (template.build(2) or {}).get("published_at"))
    amis = template.channel()["amis"]
    world.until(lambda: template.published("us-west-2") == amis["us-west-2"])
    world.aws.forget()
    assert world.ended(execution)["status"] == "SUCCEEDED"
    assert launched(template) == amis


def test_a_parameter_that_somebody_changes_or_deletes_in_any_region_is_repaired(world, template):
    amis = launched(template)
    old, other = (world.aws.client("ssm", region) for region in OTHERS)
    old.put_parameter(Name=template.parameter, Value=amis[HOME], Type="String", Overwrite=True)
    other.delete_parameter(Name=template.parameter)
    assert world.invoke("reconcile-builds")["unpublished"] == 1
    world.until(lambda: launched(template) == amis)
    world.aws.settle()
    assert world.invoke("reconcile-builds")["unpublished"] == 0
