"""Checks of model packages: existing containers, compatible members, sources that fill in members.

Source: AWS's API reference, CreateModelPackage, UpdateModelPackage and ModelPackageContainerDefinition.
"""

from __future__ import annotations

from typing import Any

from sagewright.kinds.modelcontainers import containers_of
from sagewright.model.documents import read_json
from sagewright.model.errors import ResourceLimitExceeded, ValidationException
from sagewright.services.context import Context
from sagewright.services.sagemaker.registry.algorithms import inference_specification
from sagewright.services.sagemaker.registry.model_package_rows import KIND, require_package
from sagewright.services.sagemaker.resources.model_data import check_model_data
from sagewright.services.sagemaker.resources.own_images import check_image, digest_of
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources

Document = dict[str, Any]
MOST_PROPERTIES = 50
MOST_SPECIFICATIONS = 15
CLONED = (
    "ModelPackageDescription",
    "InferenceSpecification",
    "AdditionalInferenceSpecifications",
    "ModelMetrics",
    "DriftCheckBaselines",
    "CustomerMetadataProperties",
    "MetadataProperties",
    "Domain",
    "Task",
    "SamplePayloadUrl",
    "ModelCard",
)
"""Members that a package copies from the one that its SourceUri names."""


def check_request(request: Document) -> None:
    """Raises ValidationException for requests that can't create a package."""
    name, group = request.get("ModelPackageName"), request.get("ModelPackageGroupName")
    if name and group:
        raise ValidationException(
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot determine which one to use."
        )
    if not name and not group:
        raise ValidationException("Missing ARN.")
    if group and request.get("Tags"):
        raise ValidationException("A versioned model package uses the tags of its group; Tags cannot be given.")
    if name:
        for member in ("ModelApprovalStatus", "ModelLifeCycle"):
            if member in request:
                raise ValidationException(f"{member} is for versions of a model package group, not for {name}.")
    if request.get("CertifyForMarketplace"):
        raise ValidationException("Sagewright certifies no model packages for AWS Marketplace.")
    if (request.get("ValidationSpecification") or {}).get("ValidationProfiles"):
        raise ValidationException("Sagewright does not validate model packages yet; leave ValidationSpecification out.")


def filled(context: Context, document: Document) -> Document:
    """Returns the document completed from its SourceUri, if that names a local model or package. Raises ValidationException."""
    if algorithms := document.get("SourceAlgorithmSpecification"):
        if "InferenceSpecification" in document:
            raise ValidationException("SourceAlgorithmSpecification and InferenceSpecification exclude each other.")
        if len(algorithms["SourceAlgorithms"]) != 1:
            raise ValidationException("SourceAlgorithmSpecification must have exactly one of SourceAlgorithms.")
        return document | {"InferenceSpecification": inference_specification(context, algorithms)}
    uri = document.get("SourceUri")
    source = _source(context, uri) if uri else None
    if source is None:
        return document
    if "InferenceSpecification" in document:
        raise ValidationException(
            f"InferenceSpecification cannot be given with the SourceUri {uri}, which provides it."
        )
    return source | document


def _source(context: Context, uri: str) -> Document | None:
    for kind in (KIND, "model"):
        if uri.startswith("arn:") and f":{kind}/" in uri and uri.split(":")[2] == "sagemaker":
            break
    else:
        return None
    if kind == KIND:
        package = require_package(context, uri)
        return {name: package.document[name] for name in CLONED if name in package.document}
    name = uri.rpartition("/")[2]
    model = resources.find(context.store, ResourceScope("model", context.account, context.region), name)
    if model is None:
        raise ValidationException(f'Could not find model "{uri}".')
    taken = ("Image", "ModelDataUrl", "ModelDataSource", "Environment", "ContainerHostname")
    containers = [{key: one[key] for key in taken if key in one} for one in containers_of(model.document)]
    return {"InferenceSpecification": {"Containers": containers}}


def specifications(context: Context, document: Document, *, data: bool) -> Document:
    """Returns the document with the digests of its images. `data`: whether its model data must exist.

    Raises ValidationException for a container that could not be deployed.
    """
    changed = dict(document)
    if "InferenceSpecification" in document:
        changed["InferenceSpecification"] = _specification(context, document["InferenceSpecification"], data=data)
    if "AdditionalInferenceSpecifications" in document:
        several = [_specification(context, one, data=data) for one in document["AdditionalInferenceSpecifications"]]
        names = [one["Name"] for one in several]
        if len(set(names)) != len(names):
            raise ValidationException(f"AdditionalInferenceSpecifications must have different names, got {names}.")
        if len(several) > MOST_SPECIFICATIONS:
            raise ResourceLimitExceeded(
                f"A model package has at most {MOST_SPECIFICATIONS} AdditionalInferenceSpecifications, got {len(several)}."
            )
        changed["AdditionalInferenceSpecifications"] = several
    return changed


def _specification(context: Context, specification: Document, *, data: bool) -> Document:
    containers = [_container(context, one, data=data) for one in specification["Containers"]]
    names = [one["ContainerHostname"] for one in containers if "ContainerHostname" in one]
    if len(set(names)) != len(names):
        raise ValidationException(f"ContainerHostname must be unique among Containers, got {names}.")
    return specification | {"Containers": containers}


def _container(context: Context, container: Document, *, data: bool) -> Document:
    if not container.get("Image"):
        raise ValidationException("A container of a model package needs an Image.")
    check_image(context, container["Image"])
    check_model_data(context, container, there=data)
    own = digest_of(context, container["Image"])
    given = container.get("ImageDigest")
    if own and given and given.lower() != own:
        raise ValidationException(f"The image {container['Image']} has the digest {own}, not the ImageDigest {given}.")
    return container | ({"ImageDigest": own} if own else {})


def check_properties(properties: dict[str, str]) -> None:
    """Raises ResourceLimitExceeded if a package has too many properties."""
    if len(properties) > MOST_PROPERTIES:
        raise ResourceLimitExceeded(
            f"A model package has at most {MOST_PROPERTIES} CustomerMetadataProperties, got {len(properties)}."
        )


def check_card(card: Document) -> None:
    """Raises ValidationException for content that is not a JSON document."""
    content = card.get("ModelCardContent")
    if content is None:
        return
    try:
        valid = isinstance(read_json(content), dict)
    except ValueError:
        valid = False
    if not valid:
        raise ValidationException("The model card's content must be a JSON document.")
