"""Images of somebody else in the same account, with whatever tags that they like."""

DOCUMENT = "{name: theirs, schemaVersion: 1.0, phases: [{name: build, steps: []}]}"


def image(world, base: str, tags: dict) -> str:
    """Their image of Image Builder, done, on a base AMI, of a recipe whose name begins as ours do; answers its ARN."""
    client, name = world.aws.client("imagebuilder"), f"prism-theirs-{world.now():%Y%m%d%H%M%S}"
    component = client.create_component(name=name, semanticVersion="1.0.0", platform="Linux", data=DOCUMENT,
                                        clientToken=f"component-{name}")["componentBuildVersionArn"]  # fmt: skip
    recipe = client.create_image_recipe(name=name, semanticVersion="1.0.2", parentImage=base, clientToken=f"recipe-{name}",
                                        components=[{"componentArn": component}])["imageRecipeArn"]  # fmt: skip
    builders = client.list_infrastructure_configurations()["infrastructureConfigurationSummaryList"]
    world.aws.script_image_builder("succeed", seconds=0)
    made = client.create_image(imageRecipeArn=recipe, infrastructureConfigurationArn=builders[0]["arn"], tags=tags,
                               clientToken=f"image-{name}"[:36])["imageBuildVersionArn"]  # fmt: skip
    world.until(lambda: client.get_image(imageBuildVersionArn=made)["image"]["state"]["status"] == "AVAILABLE")
    world.aws.settle()
    return made


def amis_of(world, made: str) -> list:
    by_image = [{"Name": "tag:Ec2ImageBuilderArn", "Values": [made]}]
    found = world.aws.client("ec2").describe_images(Owners=["self"], Filters=by_image)["Images"]
    return [one["ImageId"] for one in found]


def ami(world, base: str, name: str, tags: dict) -> str:
    """Their AMI, of this name."""
    ec2 = world.aws.client("ec2")
    made = ec2.copy_image(SourceRegion=world.aws.region, SourceImageId=base, Name=name)["ImageId"]
    ec2.create_tags(Resources=[made], Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
    return made


def take_away(world, *amis: str) -> None:
    for one in amis:
        world.aws.client("ec2").deregister_image(ImageId=one, DeleteAssociatedSnapshots=True)
