"""Resource groups by tags: Create, Get, Update, Delete, List, their members and tags.

A group is a query: its members are looked up on each request. Source: AWS's API reference, AWS Resource Groups.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.resource_types import pattern_of, type_of
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.resources import resources, tagged_resources, tags
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken
from sagewright.store.resources.tagged_resources import TagFilter

SERVICE = "resource-groups"
KIND = "resource-group"
BY_TAGS = "TAG_FILTERS_1_0"
MOST_GROUPS = 1000
MOST_FILTERS = 50
PAGE = 50
SHOWN = ("Description", "Criticality", "Owner", "DisplayName")


@operation(SERVICE, "CreateGroup")
def create_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request["Name"]
    if "Configuration" in request or "ResourceQuery" not in request:
        raise _bad("Sagewright only supports groups with a ResourceQuery, not with a Configuration.")
    read_query(request["ResourceQuery"])
    if len(_all(context)) >= MOST_GROUPS:
        raise _bad(f"There are {MOST_GROUPS} groups, which is the most there can be.")
    document = {key: request[key] for key in ("ResourceQuery", *SHOWN) if key in request}
    given = dict(request.get("Tags") or {})
    new = New(name, document, _arn(context, name), given, principal=context.principal.arn)
    try:
        made = resources.create(context.store, _scope(context), new)
    except ResourceNameTaken:
        raise _bad(f"A group already exists with the name {name}: group already exists.") from None
    return {"Group": _shown(context, made), "ResourceQuery": document["ResourceQuery"], "Tags": given}


@operation(SERVICE, "GetGroup")
def get_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"Group": _shown(context, _require(context, request))}


@operation(SERVICE, "GetGroupQuery")
def get_group_query(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    group = _require(context, request)
    return {"GroupQuery": {"GroupName": group.name, "ResourceQuery": group.document["ResourceQuery"]}}


@operation(SERVICE, "UpdateGroup")
def update_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    changed = {key: request[key] for key in SHOWN if key in request}
    return {"Group": _shown(context, _changed(context, request, lambda document: document | changed))}


@operation(SERVICE, "UpdateGroupQuery")
def update_group_query(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    query = request["ResourceQuery"]
    read_query(query)
    group = _changed(context, request, lambda document: document | {"ResourceQuery": query})
    return {"GroupQuery": {"GroupName": group.name, "ResourceQuery": query}}


@operation(SERVICE, "DeleteGroup")
def delete_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Deletes the group; its members stay."""
    group = _require(context, request)
    resources.remove(context.store, group, _arn(context, group.name), context.principal.arn)
    return {"Group": _shown(context, group)}


@operation(SERVICE, "ListGroups")
def list_groups(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("Filters"):
        raise _bad("Sagewright does not serve Filters of ListGroups.")
    page, token = paging.page_of(
        _all(context), lambda one: [one.name], _after(request), request.get("MaxResults", PAGE)
    )
    shown = [_shown(context, one) for one in page]
    identifiers = [{"GroupName": one["Name"], "GroupArn": one["GroupArn"]} for one in shown]
    return {"GroupIdentifiers": identifiers, "Groups": shown} | _next(token)


@operation(SERVICE, "ListGroupResources")
def list_group_resources(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    group = _require(context, request)
    requested = [value for one in request.get("Filters") or () for value in one["Values"]]
    found = _members(context, group.document["ResourceQuery"], requested, request)
    return found | {"Resources": [{"Identifier": one} for one in found["ResourceIdentifiers"]], "QueryErrors": []}


@operation(SERVICE, "SearchResources")
def search_resources(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _members(context, request["ResourceQuery"], [], request) | {"QueryErrors": []}


@operation(SERVICE, "GetTags")
def get_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = _arn_of(context, request)
    return {"Arn": arn, "Tags": tags.of(context.store, arn)}


@operation(SERVICE, "Tag")
def tag(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = _arn_of(context, request)
    if tags.extend(context.store, arn, dict(request["Tags"]), 50) > 50:
        raise _bad(f"A group can have at most 50 tags: {arn}.")
    return {"Arn": arn, "Tags": dict(request["Tags"])}


@operation(SERVICE, "Untag")
def untag(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = _arn_of(context, request)
    tags.remove(context.store, arn, list(request["Keys"]))
    return {"Arn": arn, "Keys": request["Keys"]}


def read_query(query: dict[str, Any]) -> tuple[list[str], list[TagFilter]]:
    """Returns the types and the tags of a resource query. Raises BadRequestException."""
    if query["Type"] != BY_TAGS:
        raise _bad(f"Sagewright does not serve resource queries of the type {query['Type']}, only {BY_TAGS}.")
    try:
        document = json.loads(query["Query"])
        types, filters = document["ResourceTypeFilters"], document["TagFilters"]
        found = [TagFilter(one["Key"], tuple(one.get("Values") or ())) for one in filters]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _bad("Query not valid: it must have ResourceTypeFilters, and TagFilters with a Key and Values.") from None
    texts = [*types, *(text for one in found for text in (one.key, *one.values))] if isinstance(types, list) else [None]
    if not all(isinstance(one, str) for one in texts):
        raise _bad("Query not valid: types, keys and values must be texts.")
    if not types or len(types) > MOST_FILTERS or len(found) > MOST_FILTERS:
        raise _bad(f"Query not valid: it must have from 1 to {MOST_FILTERS} ResourceTypeFilters and TagFilters.")
    if wrong := [one for one in types if one.count("::") != (1 if one == "AWS::AllSupported" else 2)]:
        raise _bad(f"Query not valid: {wrong[0][:100]!r} is not a resource type.")
    return types, found


def _members(context: Context, query: dict[str, Any], requested: list[str], request: dict[str, Any]) -> dict[str, Any]:
    """Returns a page of the members, sorted by ARN. `requested`: types to restrict them to."""
    types, filters = read_query(query)
    size, after = request.get("MaxResults", PAGE), _after(request)
    members_query = tagged_resources.TagQuery(
        tuple(filters),
        tuple(map(pattern_of, types)),
        tuple(map(pattern_of, requested)),
        f"{context.region}:{context.account}",
    )
    found = tagged_resources.page(context.store, members_query, str(after[0]) if after else "", size + 1)
    token = paging.encode([found[size - 1]]) if len(found) > size else None
    shown = [{"ResourceArn": one, "ResourceType": type_of(one)} for one in found[:size]]
    return {"ResourceIdentifiers": shown} | _next(token)


def _next(token: str | None) -> dict[str, str]:
    """The service's model accepts only tokens in the alphabet of plain base64; `paging.decode` reads both."""
    return {"NextToken": token.replace("-", "+").replace("_", "/")} if token else {}


def _after(request: dict[str, Any]) -> list[Any] | None:
    return paging.decode(request.get("NextToken"), _bad("Invalid NextToken."))


def _changed(context: Context, request: dict[str, Any], how: Callable[[dict[str, Any]], dict[str, Any]]) -> Resource:
    group = _require(context, request)
    found = resources.alter(context.store, group.id, lambda one: replace(one, document=how(dict(one.document))))
    return found or group


def _require(context: Context, request: dict[str, Any]) -> Resource:
    """Finds a group by `Group`, a name or an ARN, or by `GroupName`, which earlier clients send. Raises NotFoundException."""
    given = str(request.get("Group") or request.get("GroupName") or "")
    name = given.partition(":group/")[2] or given
    if not given:
        raise _bad("Group must be given.")
    found = resources.find(context.store, _scope(context), name)
    if found is None or given not in {name, _arn(context, name)}:
        raise AwsError("NotFoundException", f"Cannot find group: {given}", 404)
    return found


def _arn_of(context: Context, request: dict[str, Any]) -> str:
    return _arn(context, _require(context, {"Group": request["Arn"]}).name)


def _all(context: Context) -> list[Resource]:
    page = PageRequest(sort_by="name", descending=False, limit=MOST_GROUPS)
    return resources.page(context.store, _scope(context), page)


def _shown(context: Context, group: Resource) -> dict[str, Any]:
    kept = {key: group.document[key] for key in SHOWN if key in group.document}
    return {"GroupArn": _arn(context, group.name), "Name": group.name} | kept


def _arn(context: Context, name: str) -> str:
    return f"arn:aws:{SERVICE}:{context.region}:{context.account}:group/{name}"


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)


def _bad(message: str) -> AwsError:
    return AwsError("BadRequestException", message)
