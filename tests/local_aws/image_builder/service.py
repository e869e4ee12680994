"""The front of Image Builder: a request comes in, an operation acts, an answer in the service's shape goes out."""

import json
import uuid

from ministack.core.concurrency import run_reentrant

from tests.local_aws.image_builder import definitions, images, model, pipelines, store, tags

_create_infra, _get_infra, _update_infra, _delete_infra, _list_infra = definitions.configuration(
    "infrastructure-configuration", "infrastructureConfiguration", "InfrastructureConfiguration"
)
_create_dist, _get_dist, _update_dist, _delete_dist, _list_dist = definitions.configuration(
    "distribution-configuration", "distributionConfiguration", "DistributionConfiguration"
)

OPERATIONS = {
    "CreateComponent": definitions.create_component,
    "GetComponent": definitions.get_component,
    "DeleteComponent": definitions.delete_component,
    "ListComponents": definitions.list_components,
    "ListComponentBuildVersions": definitions.list_component_build_versions,
    "CreateImageRecipe": definitions.create_image_recipe,
    "GetImageRecipe": definitions.get_image_recipe,
    "DeleteImageRecipe": definitions.delete_image_recipe,
    "ListImageRecipes": definitions.list_image_recipes,
    "CreateInfrastructureConfiguration": _create_infra,
    "GetInfrastructureConfiguration": _get_infra,
    "UpdateInfrastructureConfiguration": _update_infra,
    "DeleteInfrastructureConfiguration": _delete_infra,
    "ListInfrastructureConfigurations": _list_infra,
    "CreateDistributionConfiguration": _create_dist,
    "GetDistributionConfiguration": _get_dist,
    "UpdateDistributionConfiguration": _update_dist,
    "DeleteDistributionConfiguration": _delete_dist,
    "ListDistributionConfigurations": _list_dist,
    "CreateImagePipeline": pipelines.create_image_pipeline,
    "GetImagePipeline": pipelines.get_image_pipeline,
    "UpdateImagePipeline": pipelines.update_image_pipeline,
    "DeleteImagePipeline": pipelines.delete_image_pipeline,
    "ListImagePipelines": pipelines.list_image_pipelines,
    "StartImagePipelineExecution": pipelines.start_image_pipeline_execution,
    "CreateImage": images.create_image,
    "GetImage": images.get_image,
    "DeleteImage": images.delete_image,
    "ListImages": images.list_images,
    "ListImageBuildVersions": images.list_image_build_versions,
    "ListImagePipelineImages": images.list_image_pipeline_images,
    "CancelImageCreation": images.cancel_image_creation,
    "ListImagePackages": images.list_image_packages,
    "ListWorkflowExecutions": images.list_workflow_executions,
    "ListWorkflowStepExecutions": images.list_workflow_step_executions,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "ListTagsForResource": tags.list_tags_for_resource,
}


async def handle_request(method, path, headers, body, query_params):
    return await run_reentrant(respond, method, path, body, query_params, thread_name="local-image-builder")


def respond(method, path, body, query_params):
    request_id = str(uuid.uuid4())
    try:
        found = model.operation(method, path)
        if found is None:
            raise model.Refused("InvalidRequestException", f"There is no operation {method} {path}.")
        operation, in_path = found
        given = model.read(operation, in_path, query_params, body)
        answer = call(operation.name, given)
    except model.Refused as refused:
        answer = {"message": refused.message}
        return refused.status, _headers(request_id, refused.code), json.dumps(answer).encode()
    answer = model.shaped({"requestId": request_id, **answer}, operation.output_shape)
    return 200, _headers(request_id), json.dumps(answer).encode()


def call(name: str, given: dict) -> dict:
    """An operation, by its name, with a checked input."""
    act = OPERATIONS.get(name)
    if act is None:
        raise model.Refused("ServiceException", f"{name} isn't among what the embedded AWS has of Image Builder.")
    return store.once(name, given, lambda: act(given))


def _headers(request_id: str, code: str | None = None) -> dict:
    headers = {"Content-Type": "application/json", "x-amzn-RequestId": request_id}
    return {**headers, "x-amzn-ErrorType": code} if code else headers
