"""Patches as whoever assesses images records them, and the executions that they start."""

import hashlib
import json
import zlib


def found(template, *at_least: str, level: str = "high", release: str | None = None, number: int = 1) -> str:
    """Records that the image of a template's build lacks fixes (`openssl 1:3.0.7-1`); answers the patch's id."""
    fixes = [dict(zip(("package", "version"), one.split(" ", 1))) for one in at_least]
    build = template.build(number)
    lacks = digest("\n".join(sorted(at_least)))
    patch = {"id": f"{build['id']}/{lacks}", "base": template.base.name, "level": level, "release": release,
             "base_image_id": build["frozen"]["base_image_id"], "advisories": [f"ADV-2026-{lacks[:4]}"], "fixes": [],
             "at_least": fixes, "reasons": ["it lacks a fix"], "found_at": template.world.aws.clock.now()}  # fmt: skip
    template.world.table.put(template.partition, f"PATCH#{template.base.architecture}#{number:08}#{lacks}", **patch)
    return patch["id"]


def components(template, number: int) -> list:
    """The names of the components of a build's recipe, in the order in which they are applied."""
    recipe = template.build(number)["run"]["arn"].replace(":image/", ":image-recipe/").rsplit("/", 1)[0]
    found = template.world.aws.client("imagebuilder").get_image_recipe(imageRecipeArn=recipe)["imageRecipe"]
    return [one["componentArn"].split("/")[1] for one in found["components"]]


def document(template, name: str) -> str:
    """A component's document."""
    client = template.world.aws.client("imagebuilder")
    account = template.world.aws.outputs["BuildImageStateMachineArn"].split(":")[4]
    arn = f"arn:aws:imagebuilder:{template.world.aws.region}:{account}:component/{name}/1.0.0/1"
    return client.get_component(componentBuildVersionArn=arn)["component"]["data"]


def left(template) -> list:
    """The components of patches of a target that Image Builder has."""
    client = template.world.aws.client("imagebuilder")
    pages = client.get_paginator("list_components").paginate()
    names = [one["name"] for page in pages for one in page["componentVersionList"] if "patch" in one["name"]]
    target = template.target.replace("_", "-")
    return [name for name in names if document(template, name).startswith(f"name: prism-patch-{target}\n")]


def installed(template, number: int = 1) -> list | None:
    """What is kept of what is installed in a build's image."""
    kept = template.world.table.get(template.partition, f"PACKAGES#{template.base.architecture}#{number:08}")
    return kept and json.loads(zlib.decompress(bytes(kept["list"]), -15))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
