"""Resolves a container that names a model package when a model is created from it."""

from __future__ import annotations

from typing import Any

from sagewright.model.aws.statuses import ApprovalStatus
from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.sagemaker.registry.model_package_rows import arn_of, require_package
from sagewright.services.sagemaker.resources.own_images import check_image, pinned
from sagewright.store.resources.resources import Resource

Container = dict[str, Any]
TAKEN = ("ModelDataUrl", "ModelDataSource", "AdditionalModelDataSources", "ContainerHostname")
EXCLUDED = ("Image", "ModelDataUrl", "ModelDataSource")


def package_containers(context: Context, container: Container) -> list[Container]:
    """Returns the containers of the package, with the environment of the container that names it.

    The model keeps them even if the package changes or is deleted. Raises ValidationException for a package that does not exist, is
    not approved, or has nothing to run.
    """
    if both := [name for name in EXCLUDED if name in container]:
        raise ValidationException(f"A container with ModelPackageName accepts no {' and no '.join(both)}.")
    package = require_package(context, container["ModelPackageName"])
    approval = package.document.get("ModelApprovalStatus")
    if package.version and approval != ApprovalStatus.APPROVED:
        raise ValidationException(
            f"The ModelApprovalStatus of the model package {arn_of(package)} is {approval}; it must be set to Approved to deploy."
        )
    specification = _specification(package, container.get("InferenceSpecificationName"))
    return [_container(context, one, container) for one in specification["Containers"]]


def _specification(package: Resource, name: str | None) -> dict[str, Any]:
    document = package.document
    if name is None:
        found = document.get("InferenceSpecification")
    else:
        several = document.get("AdditionalInferenceSpecifications") or ()
        found = next((one for one in several if one["Name"] == name), None)
    if found is None:
        what = "InferenceSpecification" if name is None else f"AdditionalInferenceSpecifications with the name '{name}'"
        raise ValidationException(f"The model package {arn_of(package)} has no {what}.")
    specification: dict[str, Any] = found
    return specification


def _container(context: Context, own: Container, given: Container) -> Container:
    check_image(context, own["Image"])
    taken = {name: own[name] for name in TAKEN if name in own}
    environment = own.get("Environment", {}) | given.get("Environment", {})
    hostname = {"ContainerHostname": given["ContainerHostname"]} if "ContainerHostname" in given else {}
    image = pinned(context, own["Image"], own.get("ImageDigest"))
    return {"Image": image, "Mode": "SingleModel", "Environment": environment} | taken | hostname
