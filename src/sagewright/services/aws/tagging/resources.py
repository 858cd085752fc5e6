"""Resources by their tags, and the existing tags: GetResources, GetTagKeys, GetTagValues.

Source: AWS's API reference, Resource Groups Tagging API.
"""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.resource_types import pattern_of
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.resources import tagged_resources, tags
from sagewright.store.resources.tagged_resources import TagFilter, TagQuery

SERVICE = "resourcegroupstaggingapi"
PAGE, MOST_NAMES = 50, 1000


@operation(SERVICE, "GetResources")
def get_resources(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns a page of resources; the last page has an empty token."""
    asked_for = request.get("TagFilters") or ()
    if any("Key" not in one for one in asked_for):
        raise _wrong("Each of the TagFilters must have a Key.")
    filters = [TagFilter(one["Key"], tuple(one.get("Values") or ())) for one in asked_for]
    types = tuple(pattern_of(one) for one in request.get("ResourceTypeFilters") or ())
    named, after = request.get("ResourceARNList"), _after(request)
    if named and (filters or types):
        raise _wrong("ResourceARNList can't be combined with TagFilters or ResourceTypeFilters.")
    size = request.get("ResourcesPerPage") or PAGE
    requested = TagQuery(tuple(filters), types, (), f"{context.region}:{context.account}", tuple(named or ()))
    found = tagged_resources.page(context.store, requested, str(after[0]) if after else "", size + 1)
    pairs = tags.of_all(context.store, found[:size])
    listed = [
        {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in pairs[arn].items()]}
        for arn in found[:size]
    ]
    token = paging.encode([found[size - 1]]) if len(found) > size else ""
    return {"PaginationToken": token, "ResourceTagMappingList": listed}


@operation(SERVICE, "GetTagKeys")
def get_tag_keys(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found, token = _names(context, request, None)
    return {"PaginationToken": token, "TagKeys": found}


@operation(SERVICE, "GetTagValues")
def get_tag_values(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found, token = _names(context, request, request["Key"])
    return {"PaginationToken": token, "TagValues": found}


def _names(context: Context, request: dict[str, Any], key: str | None) -> tuple[list[str], str]:
    after = _after(request)
    where = f"{context.region}:{context.account}"
    found = tagged_resources.names(context.store, where, key, str(after[0]) if after else None, MOST_NAMES + 1)
    return found[:MOST_NAMES], paging.encode([found[MOST_NAMES - 1]]) if len(found) > MOST_NAMES else ""


def _after(request: dict[str, Any]) -> list[Any] | None:
    return paging.decode(request.get("PaginationToken"), _wrong("Invalid PaginationToken."))


def _wrong(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
