"""Model packages: Create, Describe, List, Update, Delete, BatchDescribe.

A package is Completed as soon as it is created. Source: AWS's API reference, CreateModelPackage and UpdateModelPackage.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, false
from sqlalchemy.exc import IntegrityError

from sagewright.engine.events.router import SUBJECT as LOG
from sagewright.model.aws.statuses import ApprovalStatus, PackageStatus
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.registry import model_package_checks as checks
from sagewright.services.sagemaker.registry import model_package_shapes as shapes
from sagewright.services.sagemaker.registry.model_package_groups import find_group, locked_group, require_group
from sagewright.services.sagemaker.registry.model_package_rows import (
    KIND,
    ROWS,
    arn_for,
    arn_of,
    missing,
    require_package,
    scope_of,
)
from sagewright.services.sagemaker.registry.model_package_updates import update
from sagewright.services.sagemaker.resources.catalogue import SearchableKind, Searched, declare
from sagewright.services.sagemaker.resources.identities import user_context
from sagewright.services.sagemaker.resources.repeats import once
from sagewright.store.listing import Condition
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource
from sagewright.store.schema.resources import resources as table

NOT_KEPT = frozenset({"ModelPackageName", "ModelPackageGroupName", "Tags", "ClientToken", "CertifyForMarketplace"})
LIST = ListSpec(
    "ModelPackageSummaryList",
    {"Name": "name", "CreationTime": "created_ms"},
    ties=("name", "version"),
)
SEARCHED = Searched(
    "ModelPackage",
    "ModelPackageGroupName",
    shapes.documents,
    lambda found: {"ModelPackage": found},
    frozenset({"ManagedStorageType"}),
)
declare(SearchableKind(KIND, KIND, ROWS, SEARCHED))


@operation("sagemaker", "CreateModelPackage")
def create_model_package(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    checks.check_request(request)
    group_name = request.get("ModelPackageGroupName")
    group = require_group(context, group_name) if group_name else None
    document = _document(context, request, versioned=group is not None)

    def create(connection: Connection) -> dict[str, Any]:
        return {"ModelPackageArn": arn_of(_create(context, connection, request, document, group))}

    try:
        answer = once(context, "CreateModelPackage", request, create)
        context.engine.wake(*LOG)
        return answer
    except IntegrityError:
        name = request.get("ModelPackageName", "")
        if group is not None or resources.find(context.store, scope_of(context), name) is None:
            raise
        raise ValidationException(f"ModelPackage already exists: {name}") from None


def _document(context: Context, request: dict[str, Any], *, versioned: bool) -> dict[str, Any]:
    """Returns the document to store for a request. Raises ValidationException."""
    document = {name: value for name, value in request.items() if name not in NOT_KEPT}
    document = checks.filled(context, document)
    logged = request.get("ModelPackageRegistrationType") == "Logged"
    if not logged and document.keys().isdisjoint({"InferenceSpecification", "SourceUri"}):
        raise ValidationException("A model package needs an InferenceSpecification or a SourceUri.")
    document = checks.specifications(context, document, data=request.get("SkipModelValidation") != "All")
    if "ModelCard" in document:
        checks.check_card(document["ModelCard"])
        document["ModelCard"] = {"ModelCardStatus": "Draft"} | document["ModelCard"]
    if versioned:
        document.setdefault("ModelApprovalStatus", ApprovalStatus.PENDING.value)
    return document | {"CreatedBy": user_context(context)}


def _create(
    context: Context, connection: Connection, request: dict[str, Any], document: dict[str, Any], group: Resource | None
) -> Resource:
    parent, name, version = "", request.get("ModelPackageName", ""), 0
    if group is not None:
        locked_group(context, connection, group)  # prevents it from being deleted meanwhile
        parent, name, version = group.id, group.name, resources.next_version_in(connection, group.id)
    scope = scope_of(context)
    pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
    arn = arn_for(context, name, version)
    new = New(name, document, arn, pairs, version, parent, PackageStatus.COMPLETED.value, context.principal.arn)
    return resources.create_in(connection, scope, new, lambda made: {"told": shapes.event_detail(made)})


@operation("sagemaker", "DescribeModelPackage", quick=True)
def describe_model_package(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    described = shapes.description(require_package(context, request["ModelPackageName"]))
    return shapes.without_contents(described) if request.get("IncludedData") == "MetadataOnly" else described


@operation("sagemaker", "ListModelPackages")
def list_model_packages(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    conditions: list[Condition] = []
    group_name = request.get("ModelPackageGroupName")
    if group_name:  # SDK v2 expects an empty list for a missing group
        group = find_group(context, group_name)
        conditions.append(table.c.parent == group.id if group else false())
    kind = request.get("ModelPackageType", "Versioned" if group_name else "Unversioned")
    if kind != "Both":
        conditions.append(table.c.version > 0 if kind == "Versioned" else table.c.version == 0)
    if "ModelApprovalStatus" in request:
        held = table.c.document["ModelApprovalStatus"].as_string()
        conditions.append(held == request["ModelApprovalStatus"])
    return LIST.answer(
        request,
        lambda page: resources.page(context.store, scope_of(context), page, *conditions),
        lambda rows: map(shapes.summary, rows),
    )


@operation("sagemaker", "UpdateModelPackage")
def update_model_package(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    package = require_package(context, request["ModelPackageArn"])
    return once(
        context, "UpdateModelPackage", request, lambda connection: update(context, connection, package, request)
    )


@operation("sagemaker", "DeleteModelPackage")
def delete_model_package(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    package = require_package(context, request["ModelPackageName"])
    if not resources.remove(context.store, package, arn_of(package), context.principal.arn):
        raise missing(arn_of(package))
    return {}


@operation("sagemaker", "BatchDescribeModelPackage")
def batch_describe_model_package(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for arn in request["ModelPackageArnList"]:
        try:
            found[arn] = shapes.batch_summary(require_package(context, arn))
        except AwsError as error:
            errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}
