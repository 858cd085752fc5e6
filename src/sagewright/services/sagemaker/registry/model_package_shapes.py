"""Model packages as described by Describe, lists, Search and events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sagewright.engine.events.detail_types import iso
from sagewright.model.clock import to_datetime
from sagewright.services.context import Context
from sagewright.services.sagemaker.registry.model_package_rows import arn_of, names_of
from sagewright.services.sagemaker.resources.tags import shape
from sagewright.store.resources import tags
from sagewright.store.resources.resources import Resource

SUMMED = ("ModelPackageDescription", "ModelApprovalStatus", "ModelLifeCycle", "ModelPackageRegistrationType")
TOLD_BY_EVENTS = (
    *SUMMED,
    "ApprovalDescription",
    "InferenceSpecification",
    "MetadataProperties",
    "ModelMetrics",
    "SourceUri",
    "CustomerMetadataProperties",
    "CreatedBy",
    "LastModifiedBy",
)


def summary(package: Resource) -> dict[str, Any]:
    return _head(package) | {name: package.document[name] for name in SUMMED if name in package.document}


def batch_summary(package: Resource) -> dict[str, Any]:
    """Returns BatchDescribeModelPackage's summary, in which the name of an unversioned package is also the group's."""
    described = {
        name: value for name, value in summary(package).items() if name not in {"ModelPackageName", "ModelLifeCycle"}
    }
    return {"ModelPackageGroupName": package.name, "InferenceSpecification": {"Containers": []}} | described | {
        name: package.document[name] for name in ("InferenceSpecification",) if name in package.document
    }  # fmt: skip


def description(package: Resource) -> dict[str, Any]:
    described = _head(package) | {"ModelPackageStatusDetails": status_details(), "CertifyForMarketplace": False}
    described |= package.document
    if package.modified_ms != package.created_ms:
        described["LastModifiedTime"] = to_datetime(package.modified_ms)
    return described


def without_contents(described: dict[str, Any]) -> dict[str, Any]:
    """Removes possibly confidential members from a description (IncludedData MetadataOnly)."""
    if "ModelCard" not in described:
        return described
    card = {name: value for name, value in described["ModelCard"].items() if name != "ModelCardContent"}
    return described | {"ModelCard": card}


def documents(context: Context, packages: Sequence[Resource]) -> Iterable[dict[str, Any]]:
    """Returns descriptions with tags, for Search."""
    tagged = tags.of_all(context.store, [arn_of(package) for package in packages])
    for package in packages:
        yield description(package) | {"Tags": shape(tagged.get(arn_of(package), {}))}


def event_detail(package: Resource, fields: Sequence[str] = ()) -> dict[str, Any]:
    """Returns the event detail of a package. The event log stores it, since the package can change or be deleted.

    `fields`: the members that an update has changed.
    """
    described = {name: package.document[name] for name in TOLD_BY_EVENTS if name in package.document}
    described |= {
        **names_of(package),
        "ModelPackageArn": arn_of(package),
        "CreationTime": iso(package.created_ms),
        "ModelPackageStatus": package.status,
        "ModelPackageStatusDetails": status_details(),
        "CertifyForMarketplace": False,
    }
    return described | ({"UpdatedModelPackageFields": list(fields)} if fields else {})


def status_details() -> dict[str, Any]:
    """Returns statuses without validation or scan steps: packages are Completed directly."""
    return {"ValidationStatuses": [], "ImageScanStatuses": []}


def _head(package: Resource) -> dict[str, Any]:
    return {
        **names_of(package),
        "ModelPackageArn": arn_of(package),
        "CreationTime": to_datetime(package.created_ms),
        "ModelPackageStatus": package.status,
    }
