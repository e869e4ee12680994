"""Image pipelines: a recipe, an infrastructure, a distribution, and their runs.

Quota: https://docs.aws.amazon.com/general/latest/gr/imagebuilder.html
"""

from tests.local_aws.image_builder import builds, store
from tests.local_aws.image_builder.model import Refused

QUOTA = 75


def create_image_pipeline(given):
    arn = store.arn_of("image-pipeline", given["name"])
    store.refuse_existing("ImagePipeline", arn)
    if len(store.having("image-pipeline")) >= QUOTA:
        raise Refused("ServiceQuotaExceededException", f"You have reached the limit of {QUOTA} image pipelines.")
    store.put("image-pipeline", arn, {**_checked(given), "dateUpdated": store.now_text(), "consecutiveFailures": 0})
    return {"imagePipelineArn": arn}


def update_image_pipeline(given):
    found = store.get("image-pipeline", given["imagePipelineArn"])
    kept = {
        name: found[name]
        for name in ("kind", "arn", "name", "dateCreated", "tags", "dateLastRun", "consecutiveFailures")
        if name in found
    }
    fresh = {name: value for name, value in given.items() if name not in ("imagePipelineArn", "clientToken")}
    store.resources[found["arn"]] = {**kept, **_checked(fresh), "dateUpdated": store.now_text()}
    return {"imagePipelineArn": found["arn"]}


def _checked(given: dict) -> dict:
    if "imageRecipeArn" not in given:
        raise Refused("InvalidParameterCombinationException", "Specify 'imageRecipeArn' or 'containerRecipeArn'.")
    recipe = store.get("image-recipe", given["imageRecipeArn"])
    store.get("infrastructure-configuration", given["infrastructureConfigurationArn"])
    if "distributionConfigurationArn" in given:
        store.get("distribution-configuration", given["distributionConfigurationArn"])
    return {"platform": recipe["platform"], "enhancedImageMetadataEnabled": True, "status": "ENABLED", **given}


def get_image_pipeline(given):
    return {"imagePipeline": store.get("image-pipeline", given["imagePipelineArn"])}


def delete_image_pipeline(given):
    arn = store.get("image-pipeline", given["imagePipelineArn"])["arn"]
    del store.resources[arn]
    return {"imagePipelineArn": arn}


def list_image_pipelines(given):
    found = store.matching(store.having("image-pipeline"), given.get("filters"))
    return store.page(found, given, "imagePipelineList")


def start_image_pipeline_execution(given):
    pipeline = store.get("image-pipeline", given["imagePipelineArn"])
    pipeline["dateLastRun"] = store.now_text()
    image = builds.start({**pipeline, "tags": {**pipeline.get("imageTags", {}), **given.get("tags", {})}}, pipeline)
    return {"imageBuildVersionArn": image["arn"]}
