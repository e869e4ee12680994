"""What ended builds leave in Image Builder and EC2 is removed; what others have left is not taken for a build's own."""

from tests.system import faults, foreign


def test_a_build_that_is_stopped_while_it_is_distributed_leaves_an_image_in_no_region(world):
    world.policy(regions=["eu-west-1"])
    template = world.template().will("succeed", seconds=1000)
    execution = world.start(template)
    template.runs()
    world.advance("16m15s")
    assert template.image_status() == "INTEGRATING"
    assert all(_images(world, template, region) for region in ("us-east-1", "eu-west-1"))
    world.stop(execution)
    world.until(lambda: not template.held())
    world.aws.settle()
    assert not any(_images(world, template, region) for region in ("us-east-1", "eu-west-1"))
    assert template.snapshots() == [], "EC2 says once that it is still in use"
    world.advance("6m")
    world.invoke("reconcile-builds")
    faults.check(template)


def test_a_build_that_is_stopped_once_its_image_is_published_is_complete_and_keeps_it(world):
    template = world.template().will("succeed")
    with faults.Kill(world, "publish-image.channel-moved"):
        execution = world.start(template)
        world.until(template.channel)
        world.stop(execution)
        world.until(lambda: not template.held())
    assert template.endings() == ["complete"]
    world.advance("6m")
    world.invoke("reconcile-builds")
    faults.check(template)


def test_a_build_is_not_made_of_a_recipe_that_a_deleted_stack_has_left(world):
    template = world.template()
    old = _tracked(world, template)
    world.publish(template.base)
    world.watch()
    client = world.aws.client("imagebuilder")
    component = client.create_component(
        name=f"old-{template.name}", semanticVersion="1.0.0", platform="Linux", clientToken=f"component-{template.name}",
        data="{name: old, schemaVersion: 1.0, phases: [{name: build, steps: []}]}")["componentBuildVersionArn"]  # fmt: skip
    recipe = client.create_image_recipe(
        name=f"prism-{template.target.replace('_', '-')}", semanticVersion="1.0.1", parentImage=old,
        components=[{"componentArn": component}], clientToken=f"recipe-{template.name}")["imageRecipeArn"]  # fmt: skip
    image = _image_of(world, client, recipe)
    world.advance("1h")
    assert world.ended(world.start(template))["status"] == "FAILED"
    build = template.build()
    assert f"it stands on {old}, so it is another build's: delete it" in build["ending"]["message"]
    assert build["run"] is None and build["reservation"]["state"]["state"] == "released"
    assert template.built()["frozen"]["base_image_id"] == _tracked(world, template)
    _take_away_what_was_let_be(world, image)
    faults.check(template)


def test_a_build_is_not_made_of_a_recipe_or_component_that_somebody_else_has_made(world):
    """Whoever may make recipes can work out the name and the number of the next one, and its components' names."""
    template, client = world.template(), world.aws.client("imagebuilder")
    template.will("hang")
    stopped = world.start(template)
    run = template.runs()["run"]
    planned = client.get_image(imageBuildVersionArn=run["arn"])["image"]["imageRecipe"]
    world.stop(stopped)
    world.until(lambda: template.endings() == ["stopped"])
    theirs = client.create_component(name=f"theirs-{template.name}", semanticVersion="1.0.0", platform="Linux",
                                     data=foreign.DOCUMENT, clientToken=f"theirs-{template.name}")["componentBuildVersionArn"]  # fmt: skip
    other = {
        "it has other components": {"components": [{"componentArn": theirs}]},
        "it has other volumes": {"blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 16_000}}]},
        "it tags AMIs otherwise": {"amiTags": {"Owner": "somebody else"}},
        "it runs user data": {"additionalInstanceConfiguration": {"userDataOverride": "IyEvYmluL3NoCg=="}},
    }
    same = ("name", "parentImage", "components", "blockDeviceMappings", "amiTags")
    for number, (told, fields) in enumerate(other.items(), 2):
        tags = {**planned["amiTags"], "prism:build-id": f"{template.target}-{number}"}
        given = {**{field: planned[field] for field in same}, "amiTags": tags, **fields}
        client.create_image_recipe(**given, semanticVersion=f"1.0.{number}", clientToken=f"{number}-{template.name}")
        assert world.ended(world.start(template))["status"] == "FAILED"
        build = template.build(number)
        assert f"{told}, so it is another build's: delete it" in build["ending"]["message"]
        assert build["run"] is None and build["reservation"]["state"]["state"] == "released"
    world.advance("6m")
    world.invoke("reconcile-builds")
    world.aws.settle()
    faults.check(template)


def _image_of(world, client, recipe: str) -> str:
    """An image that the deleted stack made of the recipe: no cost of a build of this one."""
    builders = client.list_infrastructure_configurations()["infrastructureConfigurationSummaryList"]
    image = client.create_image(imageRecipeArn=recipe, infrastructureConfigurationArn=builders[0]["arn"],
                                clientToken=f"image-{recipe}"[-36:])["imageBuildVersionArn"]  # fmt: skip
    world.advance("1h")
    world.until(lambda: client.get_image(imageBuildVersionArn=image)["image"]["state"]["status"] == "AVAILABLE")
    return image


def _take_away_what_was_let_be(world, image: str) -> None:
    ec2 = world.aws.client("ec2")
    made_by = [{"Name": "tag:Ec2ImageBuilderArn", "Values": [image]}]
    [ami] = ec2.describe_images(Owners=["self"], Filters=made_by)["Images"]
    ec2.deregister_image(ImageId=ami["ImageId"], DeleteAssociatedSnapshots=True)


def _tracked(world, template) -> str:
    return world.table.get(*template.base.tracked)["current"]["image_id"]


def _images(world, template, region: str) -> list:
    filters = [{"Name": "tag:prism:template", "Values": [template.name]}]
    return world.aws.client("ec2", region).describe_images(Owners=["self"], Filters=filters)["Images"]
