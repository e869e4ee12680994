"""What others in the account do who know how this works: foreign images with our tags, looks at what is due, and
records that somebody breaks and mends."""


def tag_a_foreign_ami(environment, rnd) -> None:
    """An AMI of somebody else gets the tags of a build of ours, or also those of its Image Builder image, or its name."""
    template, build = _some_build(environment, rnd)
    if build is None:
        return
    ec2, source = environment.aws.client("ec2"), environment.table.get(*template.base.tracked)["current"]["image_id"]
    likeness = rnd.choice(["tags", "all tags", "name"])
    prefix = f"prism-{build['id']} " if likeness == "name" else "golden-production-"
    name = f"{prefix}{rnd.randrange(10**9)}"
    ami = ec2.copy_image(Name=name, SourceImageId=source, SourceRegion=environment.aws.region)["ImageId"]
    environment.foreign_amis[ami] = name
    tags = {"prism:template": template.name, "prism:build-id": build["id"], "Owner": "somebody else"}
    if likeness == "all tags" and build["run"]:
        tags |= {"CreatedBy": "EC2 Image Builder", "Ec2ImageBuilderArn": build["run"]["arn"]}
    ec2.create_tags(Resources=[ami], Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
    environment.count("foreign_amis")


def build_a_foreign_image(environment, rnd) -> None:
    """Image Builder makes somebody else's image, tagged as if it were a build of ours that waits or runs."""
    claims = environment.claims()
    if not claims:
        return
    claim = rnd.choice(claims)
    builder, name = environment.aws.client("imagebuilder"), f"golden-{rnd.randrange(10**9)}"
    infrastructure = builder.list_infrastructure_configurations()["infrastructureConfigurationSummaryList"][0]["arn"]
    base = environment.template_of(claim["target"]["template"]).base
    component = builder.create_component(
        name=name, semanticVersion="1.0.0", platform="Linux", clientToken=f"{name}-component".ljust(20, "x"),
        data=f"name: {name}\nschemaVersion: 1.0\nphases: []\n")["componentBuildVersionArn"]  # fmt: skip
    recipe = builder.create_image_recipe(
        name=name, semanticVersion="1.0.0", components=[{"componentArn": component}],
        parentImage=environment.table.get(*base.tracked)["current"]["image_id"], clientToken=f"{name}-recipe".ljust(20, "x"),
        tags={"prism:build-id": claim["held"]["queued"]["build"]})["imageRecipeArn"]  # fmt: skip
    image = builder.create_image(
        imageRecipeArn=recipe, infrastructureConfigurationArn=infrastructure, clientToken=f"{name}-image".ljust(20, "x"),
        tags={"prism:build-id": claim["held"]["queued"]["build"]})["imageBuildVersionArn"]  # fmt: skip
    environment.foreign_images.append(image)
    environment.count("foreign_images")


def look(environment, rnd) -> None:
    """Anybody may have anything looked at, and name a cause as earlier versions did."""
    template = rnd.choice(environment.templates)
    cause = {"updates": [f"{template.base.name}/{template.base.architecture}/us-east-1/99"] * 3000, "approved": True}
    more = rnd.choice([{"only_if_due": True}, {"cause": cause}, {"cause": {}}])
    environment.start({"template": template.name, **more})
    environment.count("looks")


# One attribute of a record is replaced by what it cannot be, as an edit by hand or another version might.
_BREAKS = {
    "claim": ("counter", "many"),
    "template": ("template", "a text"),
    "dependant": ("target", 7),
    "build": ("request", []),
    "channel": ("amis", "ami-0"),
    "update": ("security_level", "dreadful"),
    "policy": ("max_concurrent_builds", "many"),
    "money": ("committed", "much"),
}


def break_a_record(environment, rnd) -> None:
    """A record of a victim, or one that everybody needs, cannot be read until somebody mends it."""
    victim, kind = rnd.choice(environment.victims), rnd.choice(sorted(_BREAKS))
    record = _record(environment, victim, kind)
    name, wrong = _BREAKS[kind]
    key = record and (record["pk"], record["sk"])
    if not record:
        return
    with environment.broken_lock:
        if key in environment.broken:
            return
        # Known before it is so: a call that fails may have had its effect, and mending what is not broken changes nothing.
        environment.broken[key] = (name, wrong, record[name])
        environment.count("records_broken", int(_replace(environment, key, name, record[name], wrong)))


def mend_a_record(environment, rnd) -> None:
    if environment.broken:
        mend(environment, rnd.choice(sorted(environment.broken)))


def mend(environment, key) -> None:
    """Puts back what was there, unless somebody has written the record anew."""
    with environment.broken_lock:
        name, wrong, right = environment.broken[key]
        _replace(environment, key, name, wrong, right)
        del environment.broken[key]


def ask_for_a_victim(environment, rnd) -> None:
    environment.start({"template": rnd.choice(environment.victims).name})


def _record(environment, victim, kind: str) -> dict | None:
    match kind:
        case "claim":
            return environment.table.get("CLAIM", victim.target)
        case "template":
            return environment.table.get("TEMPLATES", victim.name)
        case "dependant":
            return environment.table.get(victim.base.partition, f"DEPENDANT#{victim.name}")
        case "channel":
            return victim.channel()
        case "update":
            return (environment.table.query(victim.base.partition, "UPDATE#") or [None])[-1]
        case "policy":
            return environment.table.get("POLICY", "CURRENT")
        case "money":
            return (environment.table.query("LEDGER", "daily#") or [None])[-1]
        case _:
            return (victim.builds() or [None])[-1]


def _replace(environment, key: tuple, name: str, old, new) -> bool:
    """Replaces one attribute of an item, unless it has changed meanwhile. The rest, and its revision, stays."""
    return environment.table.replace(*key, name, old, new)


def _some_build(environment, rnd) -> tuple:
    """A template and one of its builds that has no published image: what clears up after it meets the foreign AMI."""
    template = rnd.choice(environment.templates)
    unpublished = [build for build in template.builds() if not build["published_at"]]
    return template, unpublished[-1] if unpublished else None


ACTIONS = [
    (tag_a_foreign_ami, 1, 4),
    (build_a_foreign_image, 3, 8),
    (look, 1, 4),
    (ask_for_a_victim, 4, 10),
    (break_a_record, 3, 8),
    (mend_a_record, 3, 8),
]
