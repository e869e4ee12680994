"""The root volume is as large as the base image needs."""

from tests.system.test_frozen_estimate import GIGABYTE, INSTANCE, queued


def test_a_root_volume_smaller_than_the_base_image_is_raised_paid_for_and_told(world):
    template = world.template()
    needs = world.publish(template.base, root_volume_gb=30)
    world.watch()
    build = template.built()
    assert build["ending"]["kind"] == "complete"
    assert build["reservation"]["amount"] >= 30 * GIGABYTE
    told = f"its root volume is raised from 20 to 30 GiB, the size of base image {needs}"
    for kind in ("build", "reserve"):
        assert told in template.journal(kind)[-1]["reasons"], kind
    recipe = world.aws.client("imagebuilder").get_image(imageBuildVersionArn=build["run"]["arn"])["image"]["imageRecipe"]
    assert recipe["blockDeviceMappings"][0]["ebs"]["volumeSize"] == 30


def test_a_base_image_that_grows_while_a_build_waits_is_built_with_the_volume_that_it_then_needs(world):
    template = queued(world)
    world.publish(template.base, root_volume_gb=40)
    world.watch()
    template.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "complete"])
    world.aws.settle()
    assert template.build(2)["reservation"]["amount"] == INSTANCE + 40 * GIGABYTE


def test_a_base_image_that_needs_more_than_image_builder_takes_is_refused_when_planned(world):
    template = world.template()
    needs = world.publish(template.base, root_volume_gb=16_001)
    world.watch()
    ended = world.ended(world.start(template))
    assert ended["status"] == "FAILED"
    assert f"base image {needs} needs a root volume of 16001 GiB; the largest is 16000 GiB" in ended["cause"]
    assert template.builds() == []
