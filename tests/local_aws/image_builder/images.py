"""Images: the builds of a recipe."""

from tests.local_aws.image_builder import builds, store
from tests.local_aws.image_builder.model import Refused


def create_image(given):
    store.get("infrastructure-configuration", given["infrastructureConfigurationArn"])
    if "imageRecipeArn" not in given:
        raise Refused("InvalidParameterCombinationException", "Specify 'imageRecipeArn' or 'containerRecipeArn'.")
    return {"imageBuildVersionArn": builds.start(given, None)["arn"]}


def image_of(arn: str) -> dict:
    """An image by its build's ARN, or the latest build of a version."""
    if arn in store.resources:
        return store.get("image", arn)
    found = [one for one in store.having("image") if one["arn"].rsplit("/", 1)[0] == arn]
    if not found:
        raise Refused("ResourceNotFoundException", f"The resource with ARN '{arn}' does not exist.")
    return found[-1]


def get_image(given):
    return {"image": image_of(given["imageBuildVersionArn"])}


def list_images(given):
    versions = {}
    for one in store.matching(store.having("image"), given.get("filters")):
        arn = one["arn"].rsplit("/", 1)[0]
        versions[arn] = {**one, "arn": arn, "version": one["version"].split("/")[0], "owner": arn.split(":")[4]}
    return store.page(list(versions.values()), given, "imageVersionList")


def list_image_build_versions(given):
    wanted = given.get("imageVersionArn")
    found = [one for one in store.having("image") if wanted in (None, one["arn"].rsplit("/", 1)[0])]
    return store.page(_summaries(store.matching(found, given.get("filters"))), given, "imageSummaryList")


def list_image_pipeline_images(given):
    store.get("image-pipeline", given["imagePipelineArn"])
    found = [one for one in store.having("image") if one.get("sourcePipelineArn") == given["imagePipelineArn"]]
    return store.page(_summaries(store.matching(found, given.get("filters"))), given, "imageSummaryList")


def _summaries(found: list) -> list:
    return [{**one, "owner": one["arn"].split(":")[4]} for one in found]


def cancel_image_creation(given):
    image = store.get("image", given["imageBuildVersionArn"])
    if not builds.cancel(image):
        status = image["state"]["status"]
        raise Refused("InvalidRequestException", f"The image '{image['arn']}' can't be cancelled: it is {status}.")
    return {"imageBuildVersionArn": image["arn"]}


def delete_image(given):
    """The Image Builder resource goes; the AMIs stay.

    https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_DeleteImage.html
    """
    image = store.get("image", given["imageBuildVersionArn"])
    if image["state"]["status"] not in builds.ENDED:
        raise Refused("ResourceInUseException", f"The image '{image['arn']}' is being created.")
    del store.resources[image["arn"]]
    return {"imageBuildVersionArn": image["arn"]}


def list_image_packages(given):
    image = store.get("image", given["imageBuildVersionArn"])
    return store.page(image.get("packages", []), given, "imagePackageList")


def list_workflow_executions(given):
    image = store.get("image", given["imageBuildVersionArn"])
    answer = store.page(image.get("workflowExecutions", []), given, "workflowExecutions")
    return {**answer, "imageBuildVersionArn": image["arn"]}


def list_workflow_step_executions(given):
    for image in store.having("image"):
        for workflow in image.get("workflowExecutions", []):
            if workflow["workflowExecutionId"] == given["workflowExecutionId"]:
                answer = store.page(workflow["steps"], given, "steps")
                return {
                    **answer,
                    "workflowExecutionId": workflow["workflowExecutionId"],
                    "workflowBuildVersionArn": workflow["workflowBuildVersionArn"],
                    "imageBuildVersionArn": image["arn"],
                }
    raise Refused("InvalidRequestException", f"There is no workflow execution '{given['workflowExecutionId']}'.")
