"""Model cards: Create, Describe, List, Update, Delete, and their versions. Changed content creates a new version.

Source: AWS's API reference, CreateModelCard and UpdateModelCard. SDKs look for the error texts.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import chain
from typing import Any

from sqlalchemy import Connection

from sagewright.model.clock import now_ms, to_datetime
from sagewright.model.errors import AwsError, ResourceNotFound, ValidationException
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.paging import FILTERS, ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.registry.model_package_checks import check_card
from sagewright.services.sagemaker.resources.identities import user_context
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Comparison
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

NAME = "ModelCardName"
STATUS = "ModelCardStatus"
VERSION = "ModelCardVersion"
SINCE = "VersionCreatedMs"
"""Internal member of the document with the creation time of the version; Describe omits it."""
_FILTERS = FILTERS | {STATUS: ("status", Comparison.IS)}


def _missing(_arn: str) -> AwsError:
    return ResourceNotFound("Requested resource not found.")


def _of_content(content: str) -> dict[str, str]:
    """Extracts the models and groups by which cards are looked up. Source: SDK v2's `sagemaker.model_card`."""
    whole = json.loads(content)
    overview, package, uses = (
        found if isinstance(found := whole.get(name), dict) else {}
        for name in ("model_overview", "model_package_details", "intended_uses")
    )
    described = {
        "ModelId": overview.get("model_id") or package.get("model_package_arn"),
        "ModelPackageGroupName": package.get("model_package_group_name"),
        "RiskRating": uses.get("risk_rating"),
    }
    return {name: value for name, value in described.items() if isinstance(value, str) and value}


CARDS = ResourceType(
    kind="model-card",
    noun="ModelCard",
    arn_type="model-card",
    missing=_missing,
    taken=lambda arn: AwsError("ConflictException", f"Modelcard already exists: {arn}"),
    listed=ListSpec("ModelCardSummaries", {"Name": "name", "CreationTime": "created_ms"}, filters=_FILTERS),
    search_record=lambda found: {"ModelCard": found},
    search_alone=lambda document: _of_content(document["Content"]),
    described=lambda document: {key: value for key, value in document.items() if key != SINCE},
    status_member=STATUS,
    tells_modified=True,
).declared()


@operation("sagemaker", "CreateModelCard")
def create_model_card(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    check_card({"ModelCardContent": request["Content"]})
    document = {key: value for key, value in request.items() if key != STATUS}
    document |= {VERSION: 1, SINCE: now_ms(), "CreatedBy": user_context(context)}
    return CARDS.create(context, document, request[STATUS])


@operation("sagemaker", "DescribeModelCard", quick=True)
def describe_model_card(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    card = _require(context, request[NAME])
    number = request.get(VERSION, card.document[VERSION])
    if number != card.document[VERSION]:
        version = resources.find(context.store, _versions_of(card), card.name, number)
        if version is None:
            raise _missing("")
        card = replace(card, document=version.document, status=version.status, modified_ms=version.modified_ms)
    described = CARDS.shape(card)
    return described | {"Content": ""} if request.get("IncludedData") == "MetadataOnly" else described


@operation("sagemaker", "ListModelCards")
def list_model_cards(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return CARDS.list(context, request)


@operation("sagemaker", "UpdateModelCard")
def update_model_card(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if "Content" in request and STATUS in request:
        raise ValidationException("The content and the status of a model card cannot be updated in one call.")
    if "Content" in request:
        check_card({"ModelCardContent": request["Content"]})
    card = _require(context, request[NAME])
    with context.store.write() as connection:
        now = resources.locked_in(connection, card.id)
        if now is None:
            raise _missing("")
        _update(context, connection, now, request)
    return {"ModelCardArn": CARDS.arn(context, card.name)}


def _update(context: Context, connection: Connection, card: Resource, request: dict[str, Any]) -> None:
    """Stores the previous version as a separate row."""
    document = card.document | {"LastModifiedBy": user_context(context)}
    if "Content" in request:
        number = card.document[VERSION]
        kept = New(card.name, card.document, "", {}, number, card.id, card.status, context.principal.arn)
        resources.create_in(connection, _versions_of(card), kept)
        document |= {"Content": request["Content"], VERSION: number + 1, SINCE: now_ms()}
    changed = replace(card, document=document, status=request.get(STATUS, card.status))
    resources.change_in(connection, changed, context.principal.arn)


@operation("sagemaker", "DeleteModelCard")
def delete_model_card(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    card = _require(context, request[NAME])
    with context.store.write() as connection:
        resources.remove_children_in(connection, card.id)
        resources.remove_in(connection, card, CARDS.arn(context, card.name), context.principal.arn)
    return {}


@operation("sagemaker", "ListModelCardVersions")
def list_model_card_versions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    card = _require(context, request[NAME])
    names = resources.child_names(context.store, card.id, _versions_of(card).kind)
    earlier = resources.in_parts(context.store, [one for one, _ in names])  # each with its content, which can be large
    several = [_version(context, card, one) for one in chain(earlier, [card])]
    sign = -1 if request.get("SortOrder", "Descending") == "Descending" else 1
    page, token = paging.page_of(
        [one for one in several if _requested(one, request)],
        lambda one: [sign * one[VERSION]],
        paging.decode(request.get("NextToken")),
        request.get("MaxResults", 10),
    )
    return {"ModelCardVersionSummaryList": page, **({"NextToken": token} if token else {})}


@operation("sagemaker", "ListModelCardExportJobs")
def list_model_card_export_jobs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns an empty list: export jobs can't be created."""
    _require(context, request[NAME])
    return {"ModelCardExportJobSummaries": []}


def _requested(version: dict[str, Any], request: dict[str, Any]) -> bool:
    at = version["CreationTime"]
    first, last = request.get("CreationTimeAfter", at), request.get("CreationTimeBefore", at)
    return bool(first <= at <= last and request.get(STATUS, version[STATUS]) == version[STATUS])


def _version(context: Context, card: Resource, version: Resource) -> dict[str, Any]:
    return {
        NAME: card.name,
        "ModelCardArn": CARDS.arn(context, card.name),
        STATUS: version.status,
        VERSION: version.document[VERSION],
        "CreationTime": to_datetime(version.document[SINCE]),
        "LastModifiedTime": to_datetime(version.modified_ms),
    }


def _require(context: Context, name_or_arn: str) -> Resource:
    name = name_or_arn.rpartition("/")[2]
    if name_or_arn.startswith("arn:") and name_or_arn != CARDS.arn(context, name):
        raise _missing(name_or_arn)
    return CARDS.require(context, name)


def _versions_of(card: Resource) -> ResourceScope:
    return ResourceScope("model-card-version", card.account, card.region)
