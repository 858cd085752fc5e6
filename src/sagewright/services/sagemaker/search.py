"""Search over every kind that declares how it is shown. The index finds; what it finds is described as it is now."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from sagewright.model.errors import ServiceUnavailable, ValidationException
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.sagemaker import catalogue, expressions, indexing
from sagewright.services.sagemaker.catalogue import Declaration, Searched
from sagewright.store import properties, propertyqueries
from sagewright.store.propertyqueries import Hit, Order

SORT_BY = "LastModifiedTime"
AT_ONCE = 50  # changes that a search takes in itself, so that one who has just made them finds them
WAIT_S = 0.05
BATCH = 200
Found = tuple[Hit, dict[str, Any]]


@operation("sagemaker", "Search")
def search(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    kind, shown = catalogue.searched(request["Resource"])
    scope = kind.scope(context.account, context.region)
    with contextlib.suppress(ServiceUnavailable):  # others write; what has changed is found a little later
        indexing.take_in(context.platform, AT_ONCE, WAIT_S)
    expressions.check(request.get("SearchExpression", {}), partial(_is_time, context, scope))
    size = request.get("MaxResults", 10)
    found: list[Found] = []
    for one in _matching(context, request, kind, shown, size + 1):
        found.append(one)
        if len(found) > size:
            break
    page = found[:size]
    results = [shown.record({k: v for k, v in document.items() if k not in shown.hidden}) for _, document in page]
    more = {"NextToken": _token(page[-1][0])} if len(found) > size else {}
    return {"Results": results, **more}


def _matching(
    context: Context, request: dict[str, Any], kind: Declaration, shown: Searched, first: int
) -> Iterator[Found]:
    """Matches in order, with their documents. What has changed since the index was told of it is left out."""
    expression = request.get("SearchExpression", {})
    condition = expressions.condition_of(expression)
    order = Order(
        request.get("SortBy", SORT_BY), request.get("SortOrder", "Descending") == "Descending", _position(request)
    )
    scope, limit = kind.scope(context.account, context.region), first
    while True:
        hits = propertyqueries.search(context.store, scope, condition, order, limit)
        rows = {row.id: row for row in kind.rows.several(context.store, [hit.ref for hit in hits])}
        there = [hit for hit in hits if hit.ref in rows]
        documents = shown.documents(context, [rows[hit.ref] for hit in there])
        for hit, document in zip(there, documents, strict=True):
            if expressions.matches(expression, document):
                yield hit, document
        if len(hits) < limit:
            return
        order, limit = Order(order.path, order.descending, (hits[-1].key, hits[-1].subject)), BATCH


def _is_time(context: Context, scope: str, path: str) -> bool:
    found = properties.path_of(context.store, scope, path)
    return found is not None and found[1] == "time"


def _token(hit: Hit) -> str:
    key = None if hit.key is None else base64.b64encode(hit.key).decode()
    return paging.encode([key, hit.subject])


def _position(request: dict[str, Any]) -> tuple[bytes | None, int] | None:
    position = paging.decode(request.get("NextToken"))
    if position is None:
        return None
    try:
        key, subject = position
        return (None if key is None else base64.b64decode(key, validate=True)), int(subject)
    except (ValueError, TypeError, binascii.Error):
        raise ValidationException("Invalid NextToken.") from None
