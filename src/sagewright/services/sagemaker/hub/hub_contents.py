"""Hub contents: Import, Describe, Update, List, ListVersions, Delete, in private hubs; the public hub is read.

Source: AWS's API reference, ImportHubContent, DescribeHubContent, ListHubContents; SDK v2, jumpstart/hub; SDK v3, core/jumpstart.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterable
from typing import Any

from sagewright.jumpstart.entries import CatalogueEntry
from sagewright.jumpstart.hubdocuments import SCHEMA_VERSION
from sagewright.model.aws.statuses import HubContentStatus
from sagewright.model.clock import to_datetime, to_ms
from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import FILTERS, ListSpec, decode, page_of
from sagewright.services.registry import operation
from sagewright.services.sagemaker.hub import contents, public_contents
from sagewright.services.sagemaker.hub.contents import NAME, TYPE, VERSION, ContentName
from sagewright.services.sagemaker.hub.hubs import HUBS, PUBLIC_HUB, hub_name, require_private
from sagewright.services.sagemaker.hub.public_contents import MODEL, REFERENCE
from sagewright.services.sagemaker.hub.versions import next_version, padded
from sagewright.services.sagemaker.resources.catalogue_models import added_models
from sagewright.services.sagemaker.resources.identities import user_context
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

HUB, MAX_SCHEMA = "HubName", "MaxSchemaVersion"
LISTED = ListSpec(
    "HubContentSummaries",
    {"HubContentName": "name", "CreationTime": "created_ms", "HubContentStatus": "status"},
    filters={name: FILTERS[name] for name in ("CreationTimeAfter", "CreationTimeBefore")},
)
_OWN = ("HubName", "Tags")
"""Members of an import that its version does not store."""
_CHANGED = (
    "HubContentDisplayName",
    "HubContentDescription",
    "HubContentMarkdown",
    "HubContentSearchKeywords",
    "SupportStatus",
)


@operation("sagemaker", "ImportHubContent")
def import_hub_content(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    content = _content(context, request)
    if content.type == REFERENCE:
        raise ValidationException("Use CreateHubContentReference to create a ModelReference.")
    _check_document(request["HubContentDocument"])
    last = contents.find(context, content)
    version = request.get(VERSION) or next_version(last.document[VERSION] if last is not None else None)
    document = {name: value for name, value in request.items() if name not in _OWN}
    document |= {VERSION: version, "CreatedBy": user_context(context)}
    contents.add(context, content, document, {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()})
    return _answer(context, content, version)


@operation("sagemaker", "DescribeHubContent", quick=True)
def describe_hub_content(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if hub_name(context, request[HUB]) == PUBLIC_HUB:
        return public_contents.described(context, _public(request))
    content = _content(context, request)
    head = contents.find(context, content)
    if head is None:
        raise content.missing(request.get(VERSION, ""))
    if content.type == REFERENCE:
        return _described_reference(context, content, head, request.get(VERSION))
    version = request.get(VERSION) or head.document[VERSION]
    row = contents.find_version(context, content, version)
    if row is None:
        raise content.missing(version)
    shown = {name: value for name, value in row.document.items() if name not in contents.HIDDEN}
    return shown | contents.summary(content, row) | _place(context, content, row)


@operation("sagemaker", "UpdateHubContent")
def update_hub_content(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    content = _content(context, request)
    if content.type == REFERENCE:
        raise ValidationException("A ModelReference is changed by UpdateHubContentReference.")
    members = {name: request[name] for name in _CHANGED if name in request}
    contents.change(context, content, request[VERSION], members | {"LastModifiedBy": user_context(context)})
    return _answer(context, content, request[VERSION])


@operation("sagemaker", "ListHubContents")
def list_hub_contents(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Lists the latest version of each content of a type."""
    if hub_name(context, request[HUB]) == PUBLIC_HUB:
        part = request.get("NameContains", "").lower()
        models = public_contents.contents().values() if request[TYPE] == MODEL else ()
        return _public_page(context, request, [each for each in models if part in each.id.lower()])
    hub = require_private(context, request[HUB])
    document = resources.LISTING.table.c.document
    conditions = [resources.belongs_to(hub.id, contents.KIND), document[TYPE].as_string() == request["HubContentType"]]
    if MAX_SCHEMA in request:
        conditions.append(contents.with_schema(request[MAX_SCHEMA]))
    if "NameContains" in request:
        conditions.append(document[NAME].as_string().icontains(request["NameContains"], autoescape=True))

    def shape(rows: Iterable[Resource]) -> list[dict[str, Any]]:
        named = (ContentName(hub, row.document[TYPE], row.document[NAME]) for row in rows)
        return [contents.summary(name, row) for name, row in zip(named, rows, strict=False)]

    scope = ResourceScope(contents.KIND, context.account, context.region)
    return LISTED.answer(
        request, lambda page: resources.page(context.store, scope, page, *conditions), lambda rows: shape(list(rows))
    )


@operation("sagemaker", "ListHubContentVersions")
def list_hub_content_versions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Lists the versions of a content, in their order."""
    least, newest = request.get("MinVersion"), request.get(MAX_SCHEMA)
    if hub_name(context, request[HUB]) == PUBLIC_HUB:
        model = _public(request)
        found = [] if least is not None and padded(least) > padded(model.version) else [model]
        return _public_page(context, request, found)
    content = _content(context, request)
    conditions = [contents.from_version(content, least)] if least is not None else []
    conditions += [contents.with_schema(newest)] if newest is not None else []
    return LISTED.answer(
        {"SortOrder": "Ascending"} | request | {"SortBy": NAME},  # the name is followed by its version in the row
        lambda page: contents.versions(context, content, page, *conditions),
        lambda rows: [contents.summary(content, row) for row in rows],
    )


@operation("sagemaker", "DeleteHubContent")
def delete_hub_content(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    contents.remove(context, _content(context, request), request[VERSION])
    return {}


def _content(context: Context, request: dict[str, Any]) -> ContentName:
    return ContentName(require_private(context, request[HUB]), request[TYPE], request[NAME])


def _public(request: dict[str, Any]) -> CatalogueEntry:
    """Raises ResourceNotFound; the public hub has only models."""
    name = request[NAME] if request[TYPE] == MODEL else f"{request[TYPE]}/{request[NAME]}"
    return public_contents.require(name, request.get(VERSION))


def _check_document(text: str) -> None:
    """Raises ValidationException for anything but a JSON object."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValidationException(f"HubContentDocument is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ValidationException(f"HubContentDocument must be a JSON object, got {type(document).__name__}.")


def _described_reference(context: Context, content: ContentName, head: Resource, version: str | None) -> dict[str, Any]:
    """Returns the public model to which a reference refers, under the reference's own name and ARN."""
    reference = head.document
    model = public_contents.require(reference["SageMakerPublicHubContentArn"].split("/")[3], version)
    if padded(model.version) < padded(reference.get("ReferenceMinVersion") or model.version):
        raise content.missing(reference["ReferenceMinVersion"])
    own = {
        name: reference[name] for name in ("SageMakerPublicHubContentArn", "ReferenceMinVersion") if reference.get(name)
    }
    described = public_contents.described(context, model) | own
    return (
        described
        | {NAME: content.name, TYPE: REFERENCE, "HubContentArn": content.arn(model.version)}
        | _place(context, content, head)
    )


def _place(context: Context, content: ContentName, row: Resource) -> dict[str, Any]:
    return {
        "HubName": content.hub.name,
        "HubArn": HUBS.arn(context, content.hub.name),
        "HubContentDependencies": [],
        "HubContentStatus": HubContentStatus.AVAILABLE.value,
        "CreationTime": to_datetime(row.created_ms),
        "LastModifiedTime": to_datetime(row.modified_ms),
    }


def _answer(context: Context, content: ContentName, version: str) -> dict[str, Any]:
    return {"HubArn": HUBS.arn(context, content.hub.name), "HubContentArn": content.arn(version)}


def _public_page(context: Context, request: dict[str, Any], models: list[CatalogueEntry]) -> dict[str, Any]:
    """Returns one page of models of the catalogue, which is short enough to be ordered in memory. All have the same age."""
    times = (("CreationTimeAfter", operator.le), ("CreationTimeBefore", operator.ge))
    outside = any(name in request and not test(to_ms(request[name]), public_contents.SINCE_MS) for name, test in times)
    newest = request.get(MAX_SCHEMA)
    if outside or (newest is not None and padded(SCHEMA_VERSION) > padded(newest)):
        models = []
    after, falling = decode(request.get("NextToken")), request.get("SortOrder") == "Descending"
    page, token = page_of(models, lambda each: [each.id], after, request.get("MaxResults", 10), descending=falling)
    added = added_models(context, context.region) if page else set()
    shown = [public_contents.summary(context.region, each, here=each.here or each.id in added) for each in page]
    return {LISTED.member: shown} | ({"NextToken": token} if token else {})
