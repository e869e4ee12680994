"""What is published is there, everywhere; what is not is gone; what is somebody else's is let be."""


def every_published_ami_exists(result):
    for place, amis in _published(result):
        for region, ami in amis.items():
            if ami not in result.amis.get(region, {}):
                yield f"{place} names {ami} in {region}, which does not exist"


def every_parameter_names_its_channels_ami(result):
    """In every region that has the image."""
    for channel in result.channels:
        template, architecture = channel["pk"].partition("#")[2], channel["sk"].split("#")[1]
        name = f"/prism/auto-ami/{template}/{architecture}/latest"
        for region, ami in channel["amis"].items():
            found = result.environment.aws.client("ssm", region).get_parameters(Names=[name])["Parameters"]
            if [one["Value"] for one in found] != [ami]:
                yield f"{name} in {region} is {[one['Value'] for one in found]}, and the channel names {ami}"


def every_channel_names_the_newest_complete_build(result):
    newest = {}
    for build in result.builds.values():
        if (build["ending"] or {}).get("kind") == "complete":
            target, _, number = build["id"].rpartition("-")
            newest[target] = max(newest.get(target, 0), int(number))
    named = {one["build"].rpartition("-")[0]: int(one["build"].rpartition("-")[2]) for one in result.channels}
    for target in sorted({*newest, *named}):
        if newest.get(target) != named.get(target):
            yield f"{target}: the channel names {named.get(target)}, the newest complete build is {newest.get(target)}"


def no_ami_and_no_snapshot_is_left_that_is_not_published(result):
    published = {ami for _, amis in _published(result) for ami in amis.values()}
    foreign = _foreign(result)
    for region, amis in result.amis.items():
        for ami, image in amis.items():
            if ami not in published and ami not in foreign:
                yield f"{ami} ({image['Name']}) is left in {region}"
        used = {disk["Ebs"]["SnapshotId"] for image in amis.values() for disk in image["BlockDeviceMappings"]}
        for snapshot in sorted(result.snapshots[region] - used):
            yield f"{snapshot} is left in {region}"


def no_foreign_ami_is_touched(result):
    home = result.environment.aws.region
    for ami in sorted(_foreign(result)):
        image = result.amis[home].get(ami)
        if image is None:
            yield f"{ami} ({result.environment.foreign_amis.get(ami)}) is gone"
        elif not {disk["Ebs"]["SnapshotId"] for disk in image["BlockDeviceMappings"]} <= result.snapshots[home]:
            yield f"{ami} ({image['Name']}) has lost its snapshot"


def no_foreign_ami_is_published(result):
    foreign = _foreign(result)
    for change in result.changes_of("TEMPLATE#", "CHANNEL#"):
        amis = change.became("amis")
        for ami in amis.values() if isinstance(amis, dict) else ():
            if ami in foreign:
                yield f"{change.became('build')} published {ami}, which is somebody else's"


def _published(result) -> list:
    """Whatever names AMIs as published: images, channels and complete builds."""
    named = [*result.having("TEMPLATE#", "IMAGE#"), *result.channels]
    found = [(f"{one['pk']} {one['sk']}", one["amis"]) for one in named]
    complete = [one for one in result.builds.values() if one["published_at"]]
    return found + [(one["id"], one["outcome"]["result"]["amis"]) for one in complete]


def _foreign(result) -> set:
    builder, found = result.environment.aws.client("imagebuilder"), set(result.environment.foreign_amis)
    for arn in result.environment.foreign_images:
        image = builder.get_image(imageBuildVersionArn=arn)["image"]
        found |= {one["image"] for one in image["outputResources"]["amis"]}
    return found


INVARIANTS = [
    every_published_ami_exists,
    every_parameter_names_its_channels_ami,
    every_channel_names_the_newest_complete_build,
    no_ami_and_no_snapshot_is_left_that_is_not_published,
    no_foreign_ami_is_touched,
    no_foreign_ami_is_published,
]
