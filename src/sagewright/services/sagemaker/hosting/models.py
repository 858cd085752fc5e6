"""Models: Create, Describe, List, Delete. A model is an image with its model data, referenced by endpoints and transform jobs.

Source: AWS's API reference, CreateModel, ContainerDefinition and InferenceExecutionConfig. SDKs look for the error texts.
"""

from __future__ import annotations

from typing import Any

from sagewright.kinds.modelcontainers import RESOLVED
from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.roles import check_role
from sagewright.services.sagemaker.registry.model_package_containers import package_containers
from sagewright.services.sagemaker.resources.model_data import check_engine, check_model_data
from sagewright.services.sagemaker.resources.own_images import check_image
from sagewright.services.sagemaker.resources.resources import ResourceType

Container = dict[str, Any]
MOST_CONTAINERS = 15
NO_RECOMMENDATION = {"RecommendationStatus": "NOT_APPLICABLE"}
"""AWS's status for models without a recommended instance type."""


def _described(document: dict[str, Any]) -> dict[str, Any]:
    """Adds the defaults that DescribeModel always returns."""
    described: dict[str, Any] = {
        "EnableNetworkIsolation": False,
        "DeploymentRecommendation": NO_RECOMMENDATION,
    } | document
    described.pop(RESOLVED, None)
    if "PrimaryContainer" in described:
        described["PrimaryContainer"] = _with_defaults(described["PrimaryContainer"])
    if "Containers" in described:
        described["Containers"] = [_with_defaults(one) for one in described["Containers"]]
        if len(described["Containers"]) > 1:
            described.setdefault("InferenceExecutionConfig", {"Mode": "Serial"})
    return described


def _with_defaults(container: Container) -> Container:
    return {"Mode": "SingleModel", "Environment": {}} | container


MODELS = ResourceType(
    kind="model",
    noun="Model",
    arn_type="model",
    missing=lambda arn: ValidationException(f'Could not find model "{arn}".'),
    taken=lambda arn: ValidationException(f'Cannot create already existing model "{arn}".'),
    listed=ListSpec("Models", {"Name": "name", "CreationTime": "created_ms"}, descending=True),
    search_record=lambda found: {"Model": {"Model": found}},
    described=_described,
).declared()


@operation("sagemaker", "CreateModel")
def create_model(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("ExecutionRoleArn"):
        check_role(context, request["ExecutionRoleArn"])
    given = _containers(request)
    resolved = [one for container in given for one in _resolved(context, container)]
    if len(resolved) > MOST_CONTAINERS:
        raise ValidationException(f"A model has at most {MOST_CONTAINERS} containers, got {len(resolved)}.")
    packaged = any("ModelPackageName" in container for container in given)
    return MODELS.create(context, request | ({RESOLVED: resolved} if packaged else {}))


@operation("sagemaker", "DescribeModel", quick=True)
def describe_model(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return MODELS.describe(context, request)


@operation("sagemaker", "ListModels")
def list_models(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return MODELS.list(context, request)


@operation("sagemaker", "DeleteModel")
def delete_model(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return MODELS.delete(context, request)


def _containers(request: dict[str, Any]) -> list[Container]:
    """Raises ValidationException for members that exclude each other."""
    primary, several = request.get("PrimaryContainer"), request.get("Containers")
    if (primary is None) == (not several):
        raise ValidationException("Exactly one of PrimaryContainer and Containers must be given.")
    containers = [primary] if primary is not None else list(several or ())
    direct = (request.get("InferenceExecutionConfig") or {}).get("Mode") == "Direct"
    if direct and primary is not None:
        raise ValidationException("InferenceExecutionConfig with the Mode Direct needs Containers.")
    names = [one["ContainerHostname"] for one in containers if "ContainerHostname" in one]
    if len(set(names)) != len(names):
        raise ValidationException(f"ContainerHostname must be unique among Containers, got {names}.")
    if direct and len(names) != len(containers):
        raise ValidationException("Each of Containers needs a ContainerHostname when the Mode is Direct.")
    return containers


def _resolved(context: Context, container: Container) -> list[Container]:
    """Returns the containers to run for a container; a model package can have several. Raises ValidationException."""
    if "ModelPackageName" in container:
        return package_containers(context, container)
    if not container.get("Image"):
        raise ValidationException("A container needs an Image.")
    check_image(context, container["Image"])
    check_model_data(context, container)
    check_engine(container)
    return [container]
