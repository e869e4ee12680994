"""Components, recipes, and the configurations of infrastructure and distribution."""

import re

from tests.local_aws.image_builder import store
from tests.local_aws.image_builder.model import Refused


def create_component(given):
    """Same name and version: the next build of it.

    https://docs.aws.amazon.com/imagebuilder/latest/userguide/ibhow-semantic-versioning.html
    """
    if ("data" in given) == ("uri" in given):
        raise Refused("InvalidParameterCombinationException", "Specify either 'data' or 'uri', not both.")
    version = store.arn_of("component", given["name"], given["semanticVersion"])
    build = 1 + sum(one["arn"].rsplit("/", 1)[0] == version for one in store.having("component"))
    made = store.put(
        "component",
        f"{version}/{build}",
        {
            **given,
            "version": given["semanticVersion"],
            "owner": version.split(":")[4],
            "encrypted": True,
            "type": "TEST" if _only_tests(given.get("data", "")) else "BUILD",
            "state": {"status": "ACTIVE"},
        },
    )
    return {"componentBuildVersionArn": made["arn"]}


def _only_tests(document: str) -> bool:
    phases = re.findall(r"-\s*name:\s*['\"]?(build|validate|test)\b", document)
    return bool(phases) and set(phases) == {"test"}


def component_of(arn: str) -> dict:
    """A component by a build's ARN, or the latest build of a version, which may have wildcards."""
    if arn in store.resources:
        return store.get("component", arn)
    wanted = re.compile(re.escape(arn).replace("/x", r"/\d+").replace(r"\.x", r"\.\d+") + r"/\d+")
    found = [one for one in store.having("component") if wanted.fullmatch(one["arn"])]
    if not found:
        raise Refused("ResourceNotFoundException", f"The resource with ARN '{arn}' does not exist.")
    return max(found, key=lambda one: [int(part) for part in re.findall(r"\d+", "/".join(one["arn"].split("/")[2:]))])


def get_component(given):
    return {"component": component_of(given["componentBuildVersionArn"])}


def delete_component(given):
    arn = store.get("component", given["componentBuildVersionArn"])["arn"]
    users = [
        recipe["arn"]
        for recipe in store.having("image-recipe")
        if any(arn.startswith(one["componentArn"]) for one in recipe.get("components", []))
    ]
    store.refuse_used(arn, users)
    del store.resources[arn]
    return {"componentBuildVersionArn": arn}


def list_components(given):
    versions = {}
    for one in store.having("component"):
        arn = one["arn"].rsplit("/", 1)[0]
        versions.setdefault(arn, {**one, "arn": arn})
    return store.page(store.matching(list(versions.values()), given.get("filters")), given, "componentVersionList")


def list_component_build_versions(given):
    wanted = given.get("componentVersionArn")
    builds = [one for one in store.having("component") if wanted in (None, one["arn"].rsplit("/", 1)[0])]
    return store.page(builds, given, "componentSummaryList")


def create_image_recipe(given):
    arn = store.arn_of("image-recipe", given["name"], given["semanticVersion"])
    store.refuse_existing("ImageRecipe", arn)
    for one in given.get("components", []):
        if f":{arn.split(':')[4]}:" in one["componentArn"]:
            component_of(one["componentArn"])
    components = [
        component_of(one["componentArn"])
        for one in given.get("components", [])
        if f":{arn.split(':')[4]}:" in one["componentArn"]
    ]
    platform = components[0]["platform"] if components else "Linux"
    store.put(
        "image-recipe",
        arn,
        {
            "workingDirectory": "/tmp",
            **given,
            "version": given["semanticVersion"],
            "type": "AMI",
            "platform": platform,
            "owner": arn.split(":")[4],
        },
    )
    return {"imageRecipeArn": arn}


def get_image_recipe(given):
    return {"imageRecipe": store.get("image-recipe", given["imageRecipeArn"])}


def delete_image_recipe(given):
    arn = store.get("image-recipe", given["imageRecipeArn"])["arn"]
    store.refuse_used(arn, pipelines_with("imageRecipeArn", arn))
    del store.resources[arn]
    return {"imageRecipeArn": arn}


def list_image_recipes(given):
    return store.page(
        store.matching(store.having("image-recipe"), given.get("filters")), given, "imageRecipeSummaryList"
    )


def pipelines_with(member: str, arn: str) -> list:
    return [one["arn"] for one in store.having("image-pipeline") if one.get(member) == arn]


def configuration(kind: str, member: str, resource_type: str):
    """Create, get, update, delete and list of a configuration: the two kinds differ in their names only.

    `member` is the answer's member that holds one; its ARN's is `<member>Arn`.
    """
    arn_member = f"{member}Arn"

    def create(given):
        arn = store.arn_of(kind, given["name"])
        store.refuse_existing(resource_type, arn)
        store.put(kind, arn, {**_defaults(kind), **given})
        return {arn_member: arn}

    def get(given):
        return {member: store.get(kind, given[arn_member])}

    def update(given):
        found = store.get(kind, given[arn_member])
        kept = {name: found[name] for name in ("kind", "arn", "name", "dateCreated", "tags")}
        fresh = {name: value for name, value in given.items() if name not in (arn_member, "clientToken")}
        store.resources[found["arn"]] = {**kept, **_defaults(kind), **fresh, "dateUpdated": store.now_text()}
        return {arn_member: found["arn"]}

    def delete(given):
        arn = store.get(kind, given[arn_member])["arn"]
        store.refuse_used(arn, pipelines_with(arn_member, arn))
        del store.resources[arn]
        return {arn_member: arn}

    def listed(given):
        found = [
            {**one, "regions": [place["region"] for place in one.get("distributions", [])]}
            for one in store.matching(store.having(kind), given.get("filters"))
        ]
        return store.page(found, given, f"{member}SummaryList")

    return create, get, update, delete, listed


def _defaults(kind: str) -> dict:
    if kind == "infrastructure-configuration":
        return {"terminateInstanceOnFailure": True}
    return {"timeoutMinutes": 720}
