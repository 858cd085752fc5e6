"""Search over every kind that declares how it is shown. The index finds matches, which are then described in their current
state."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from typing import Any

from sagewright.model.aws.service_models import operation_model
from sagewright.model.aws.shapes import ListShape, StructureShape
from sagewright.model.budgets import kept_size
from sagewright.model.errors import ServiceUnavailable, ValidationException
from sagewright.model.row_tokens import rows_before
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.sagemaker.resources import catalogue
from sagewright.services.sagemaker.resources.catalogue import SearchableKind, Searched
from sagewright.services.sagemaker.search import expressions, indexing
from sagewright.store.listing import MOST_BYTES
from sagewright.store.resources import properties, property_queries
from sagewright.store.resources.conditions import Condition
from sagewright.store.resources.property_queries import Hit, PropertyOrder

SORT_BY = "LastModifiedTime"
MOST_COUNTED = 1000
MOST_SUGGESTED = 100
BESIDES = frozenset({"Metrics", "Tags", "AllTags"})
"""First parts of names that can be searched although they are not members of a resource's shapes."""
AT_ONCE = 50  # pending changes that a search indexes itself, so that a client finds what it just changed
WAIT_S = 0.05
BATCH = 200
AT_A_TIME = 25  # documents, which can be large, read before they are matched
Found = tuple[Hit, dict[str, Any]]


@operation("sagemaker", "Search")
def search(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    kind, shown = catalogue.searched(request["Resource"])
    request = expressions.spelled(request)
    scope = kind.scope(context.account, context.region)
    if shown.prepare is not None:
        shown.prepare(context)
    with contextlib.suppress(ServiceUnavailable):  # other writers are busy; the changes are found a little later
        indexing.take_in(context.platform, AT_ONCE, WAIT_S)
    expressions.check(request.get("SearchExpression", {}), partial(_is_time, context, scope))
    sorts = [request["SortBy"]] if "SortBy" in request else []
    _check_names(context, shown, scope, [*expressions.names(request.get("SearchExpression", {})), *sorts])
    size = request.get("MaxResults", 10)
    found: list[Found] = []
    read, full = 0, False
    for one in _matching(context, request, kind, shown, size + 1):
        found.append(one)
        read += kept_size(one[1])
        full = read > MOST_BYTES
        if full or len(found) > size:
            break
    page = found[:size]
    results = [shown.record({k: v for k, v in document.items() if k not in shown.hidden}) for _, document in page]
    more = {"NextToken": _token(page[-1][0])} if full or len(found) > size else {}
    return {"Results": results, **more, "TotalHits": _total(context, request, scope, found, full=full)}


@operation("sagemaker", "GetSearchSuggestions")
def get_search_suggestions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Returns properties whose names begin with the hint: those of existing resources, and the members of their record."""
    kind, shown = catalogue.searched(request["Resource"])
    hint = ((request.get("SuggestionQuery") or {}).get("PropertyNameQuery") or {}).get("PropertyNameHint", "")
    if shown.prepare is not None:
        shown.prepare(context)
    with contextlib.suppress(ServiceUnavailable):
        indexing.take_in(context.platform, AT_ONCE, WAIT_S)
    scope = kind.scope(context.account, context.region)
    members = (one for one in _members(shown.resource, next(iter(shown.record({})))) if one.startswith(hint))
    found = sorted({*members, *properties.beginning(context.store, scope, hint, MOST_SUGGESTED)})
    return {"PropertyNameSuggestions": [{"PropertyName": one} for one in found[:MOST_SUGGESTED]]}


def _total(context: Context, request: dict[str, Any], scope: str, found: list[Found], *, full: bool) -> dict[str, Any]:
    """Counts the matches of all pages: exact up to MOST_COUNTED, except with nested filters and more than one page."""
    if not full and not request.get("NextToken") and len(found) <= request.get("MaxResults", 10):
        return {"Value": len(found), "Relation": "EqualTo"}
    expression = request.get("SearchExpression", {})
    if not expressions.is_exact(expression):
        return {"Value": len(found), "Relation": "GreaterThanOrEqualTo"}
    number = property_queries.count(context.store, scope, expressions.condition_of(expression), MOST_COUNTED + 1)
    return {
        "Value": min(number, MOST_COUNTED),
        "Relation": "EqualTo" if number <= MOST_COUNTED else "GreaterThanOrEqualTo",
    }


def count_matches(context: Context, resource: str, expression: dict[str, Any]) -> int | None:
    """Returns the number of resources that match an expression; None if each of them would have to be tested."""
    if not expressions.is_exact(expression):
        return None
    scope = catalogue.searched(resource)[0].scope(context.account, context.region)
    return property_queries.count_all(context.store, scope, expressions.condition_of(expression))


def _check_names(context: Context, shown: Searched, scope: str, names: list[str]) -> None:
    """Raises ValidationException for a name that is unknown to both the index and the resource's model."""
    for name in names:
        if properties.path_of(context.store, scope, name) is None and _first(name) not in _members(
            shown.resource, next(iter(shown.record({})))
        ):
            raise ValidationException(f"Unknown property name: {name}")


def _first(name: str) -> str:
    return name.partition(".")[0]


@cache
def _members(resource: str, member: str) -> frozenset[str]:
    """Returns the members of Search's record of a resource (at `member`) and of its Describe, and other searchable names."""
    requested, described = operation_model("sagemaker", "Search"), operation_model("sagemaker", f"Describe{resource}")
    results = requested.output_shape.members["Results"] if requested and requested.output_shape else None
    assert isinstance(results, ListShape) and isinstance(results.member, StructureShape)
    record = results.member.members[member]
    assert isinstance(record, StructureShape)
    inner = [shape for shape in record.members.values() if isinstance(shape, StructureShape)]
    shapes = [record, *inner, *([described.output_shape] if described and described.output_shape else [])]
    return frozenset(name for shape in shapes for name in shape.members) | BESIDES


def _matching(
    context: Context, request: dict[str, Any], kind: SearchableKind, shown: Searched, first: int
) -> Iterator[Found]:
    """Yields matches in order, with their documents. Skips those that changed since they were indexed."""
    expression = request.get("SearchExpression", {})
    condition = expressions.condition_of(expression)
    scope, limit = kind.scope(context.account, context.region), first
    order = _order(context, request, scope, condition)
    while order is not None:
        hits = property_queries.search(context.store, scope, condition, order, limit)
        for some in (hits[at : at + AT_A_TIME] for at in range(0, len(hits), AT_A_TIME)):
            rows = {row.id: row for row in kind.rows.several(context.store, [hit.ref for hit in some])}
            there = [hit for hit in some if hit.ref in rows]
            documents = shown.documents(context, [rows[hit.ref] for hit in there])
            for hit, document in zip(there, documents, strict=True):
                if expressions.matches(expression, document):
                    yield hit, document
        if len(hits) < limit:
            return
        order, limit = PropertyOrder(order.path, order.descending, (hits[-1].key, hits[-1].subject)), BATCH


def _is_time(context: Context, scope: str, path: str) -> bool:
    found = properties.path_of(context.store, scope, path)
    return found is not None and found[1] == "time"


def _token(hit: Hit) -> str:
    key = None if hit.key is None else base64.b64encode(hit.key).decode()
    return paging.encode([key, hit.subject])


def _order(context: Context, request: dict[str, Any], scope: str, condition: Condition) -> PropertyOrder | None:
    """Returns the order and where the page begins in it; None if there are fewer rows than the token skips."""
    order = PropertyOrder(request.get("SortBy", SORT_BY), request.get("SortOrder", "Descending") == "Descending")
    position = paging.decode(request.get("NextToken"))
    rows = rows_before(position)
    if rows:
        last = property_queries.position(context.store, scope, condition, order, rows)
        return None if last is None else replace(order, after=(last.key, last.subject))
    return order if rows == 0 else replace(order, after=_position(position))


def _position(position: list[Any] | None) -> tuple[bytes | None, int] | None:
    if position is None:
        return None
    try:
        key, subject = position
        return (None if key is None else base64.b64decode(key, validate=True)), int(subject)
    except (ValueError, TypeError, binascii.Error):
        raise ValidationException("Invalid NextToken.") from None
