"""UpdateModelPackage: applies each member of a request to a package. Each update is logged with the caller's identity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.sagemaker.registry import model_package_checks as checks
from sagewright.services.sagemaker.registry.model_package_rows import arn_of, missing
from sagewright.services.sagemaker.registry.model_package_shapes import event_detail
from sagewright.services.sagemaker.resources.identities import user_context
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

Document = dict[str, Any]
SET = ("ModelLifeCycle", "ModelPackageRegistrationType", "SourceUri", "InferenceSpecification")
OF_VERSIONS = ("ModelApprovalStatus", "ModelLifeCycle")


def update(context: Context, connection: Connection, package: Resource, request: Document) -> dict[str, Any]:
    """Runs inside the caller's transaction. Raises ValidationException, in which case nothing is changed."""
    now = resources.locked_in(connection, package.id)
    if now is None:
        raise missing(arn_of(package))
    document = _changed(context, now, request)
    fields = sorted(
        {name for name in {*document, *now.document} if document.get(name) != now.document.get(name)}
        | ({"ModelApprovalStatus"} & set(request))  # a repeated approval counts as the last one
    )
    if fields:
        changed = replace(now, document=document | {"LastModifiedBy": user_context(context)})
        detail = {"fields": fields, "told": event_detail(changed, fields)}
        resources.change_in(connection, changed, context.principal.arn, detail)
    return {"ModelPackageArn": arn_of(package)}


def _changed(context: Context, package: Resource, request: Document) -> Document:
    """Applies the request to the package's document. Raises ValidationException."""
    if not package.version:
        for member in OF_VERSIONS:
            if member in request:
                raise ValidationException(
                    f"{member} is for versions of a model package group, not for {arn_of(package)}."
                )
    document = package.document | {name: request[name] for name in SET if name in request}
    if "SourceUri" in request:
        document |= _from_source(context, request)
    _set_approval(document, request)
    _set_properties(document, request)
    if "ModelCard" in request:
        checks.check_card(request["ModelCard"])
        document["ModelCard"] = package.document.get("ModelCard", {}) | request["ModelCard"]
    return _with_specifications(context, document, request)


def _from_source(context: Context, request: Document) -> Document:
    requested: Document = {name: request[name] for name in ("SourceUri", "InferenceSpecification") if name in request}
    filled = checks.filled(context, requested)
    return {name: filled[name] for name in ("SourceUri", "InferenceSpecification") if name in filled}


def _set_approval(document: Document, request: Document) -> None:
    """Sets the approval. A description belongs to the decision that it came with."""
    if "ModelApprovalStatus" in request:
        document["ModelApprovalStatus"] = request["ModelApprovalStatus"]
        document.pop("ApprovalDescription", None)
    if "ApprovalDescription" in request:
        document["ApprovalDescription"] = request["ApprovalDescription"]


def _set_properties(document: Document, request: Document) -> None:
    added, removed = (
        request.get("CustomerMetadataProperties") or {},
        request.get("CustomerMetadataPropertiesToRemove") or (),
    )
    both = sorted(set(added) & set(removed))
    if both:
        raise ValidationException(
            f"The CustomerMetadataProperties {', '.join(both)} cannot be set and removed at once."
        )
    held = {
        name: value for name, value in document.get("CustomerMetadataProperties", {}).items() if name not in removed
    }
    properties = held | added
    checks.check_properties(properties)
    if properties:
        document["CustomerMetadataProperties"] = properties
    else:
        document.pop("CustomerMetadataProperties", None)


def _with_specifications(context: Context, document: Document, request: Document) -> Document:
    """Adds the new specifications after checking them."""
    member = "AdditionalInferenceSpecifications"
    if added := request.get(f"{member}ToAdd"):
        document[member] = [*document.get(member, ()), *added]
    if added or "InferenceSpecification" in request or "SourceUri" in request:
        data = document.get("SkipModelValidation") != "All"
        return checks.specifications(context, document, data=data)
    return document
