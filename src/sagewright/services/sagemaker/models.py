"""Models: Create, Describe, List, Delete. A model is an image with its model data, as endpoints and transform jobs name it.

Source: AWS's API reference, CreateModel, ContainerDefinition and InferenceExecutionConfig. SDKs look for the error texts.
"""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import ValidationException
from sagewright.model.s3uris import read_s3_uri
from sagewright.services.context import Context
from sagewright.services.paging import ListForm
from sagewright.services.registry import operation
from sagewright.services.sagemaker.input_checks import any_object
from sagewright.services.sagemaker.jobs import check_role
from sagewright.services.sagemaker.own_images import check_image
from sagewright.services.sagemaker.resources import Form

Container = dict[str, Any]


def _described(document: dict[str, Any]) -> dict[str, Any]:
    """With the defaults that DescribeModel tells, whether they were sent or not."""
    described = {"EnableNetworkIsolation": False} | document
    if "PrimaryContainer" in described:
        described["PrimaryContainer"] = _with_defaults(described["PrimaryContainer"])
    if "Containers" in described:
        described["Containers"] = [_with_defaults(one) for one in described["Containers"]]
        if len(described["Containers"]) > 1:
            described.setdefault("InferenceExecutionConfig", {"Mode": "Serial"})
    return described


def _with_defaults(container: Container) -> Container:
    return {"Mode": "SingleModel", "Environment": {}} | container


MODELS = Form(
    kind="model",
    noun="Model",
    arn_type="model",
    missing=lambda arn: ValidationException(f'Could not find model "{arn}".'),
    taken=lambda arn: ValidationException(f'Cannot create already existing model "{arn}".'),
    listed=ListForm("Models", {"Name": "name", "CreationTime": "created_ms"}, descending=True),
    search_record=lambda found: {"Model": {"Model": found}},
    described=_described,
).declared()


@operation("sagemaker", "CreateModel")
def create_model(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("ExecutionRoleArn"):
        check_role(context, request["ExecutionRoleArn"])
    for container in _containers(request):
        _check_container(context, container)
    return MODELS.create(context, request)


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


def _check_container(context: Context, container: Container) -> None:
    if "ModelPackageName" in container:
        raise ValidationException(
            f"Sagewright serves no model packages (ModelPackageName '{container['ModelPackageName']}'); give an Image."
        )
    if not container.get("Image"):
        raise ValidationException("A container needs an Image.")
    check_image(context, container["Image"])
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    url = container.get("ModelDataUrl")
    if source is not None and url:
        raise ValidationException("ModelDataUrl and ModelDataSource exclude each other; both are given.")
    several = container.get("Mode") == "MultiModel"
    if several and not (url or source):
        raise ValidationException("A container with the Mode MultiModel needs ModelDataUrl.")
    if url and not several:  # behind a multi-model container objects may come later
        _check_data(context, url, whole=True)
    if source is not None:
        _check_data(context, source["S3Uri"], whole=source["S3DataType"] == "S3Object")


def _check_data(context: Context, uri: str, *, whole: bool) -> None:
    """Raises ValidationException where there is no object; `whole`: of exactly that key, else beneath it."""
    try:
        there = any_object(context, read_s3_uri(uri))
    except ValueError:
        there = False
    if not there or (whole and uri.endswith("/")):
        raise ValidationException(f"Could not find model data at {uri}.")
