"""QueryLineage: the ancestors and descendants of an entity, step by step, within limits.

Source: AWS's API reference, QueryLineage. Entities that filters exclude are still traversed; an edge is returned if both of its
ends are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sagewright.model.clock import to_ms
from sagewright.model.errors import ValidationException
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.sagemaker.lineage.associations import SHORT
from sagewright.services.sagemaker.lineage.lineage_entities import entity, lineage_type_of
from sagewright.store.resources import lineage, resources
from sagewright.store.resources.lineage import Association, End
from sagewright.store.resources.resources import Resource

MOST_DEPTH = 10
MOST_ENTITIES, MOST_ASSOCIATIONS = 10_000, 50_000
MOST_S = 10.0
PAGE = 1000
"""Number of vertices in a response without MaxResults: SDK v2 does not request a second page."""
TIMES = {
    "CreatedAfter": lambda row, at: row.created_ms >= at,
    "CreatedBefore": lambda row, at: row.created_ms <= at,
    "ModifiedAfter": lambda row, at: row.modified_ms >= at,
    "ModifiedBefore": lambda row, at: row.modified_ms <= at,
}
KINDS = ("Artifact", "Action", "Context", "TrialComponent")
_SHOWN = {long: short for short, long in SHORT.items()}
Document = dict[str, Any]


class Walk:
    """A breadth-first walk from one entity: the entities found, each with its distance, and the associations between them.

    Raises ValidationException if the limits are exceeded.
    """

    def __init__(self, context: Context, start: End, depth: int) -> None:
        self._store, self._start, self._depth = context.store, start, depth
        self._until = time.monotonic() + MOST_S
        self.met: dict[str, tuple[int, End]] = {start.id: (0, start)}
        self.associations: dict[int, Association] = {}

    def go(self, *, forward: bool) -> None:
        """Follows the associations in one direction, breadth first; visited entities end cycles."""
        been, front = {self._start.id}, [self._start.id]
        for distance in range(1, self._depth + 1):
            found = lineage.neighbours(self._store, front, forward=forward, most=MOST_ASSOCIATIONS)
            self.associations |= {one.id: one for one in found}
            front = []
            for end in (one.end(forward=forward) for one in found):
                if end.id not in been:
                    been.add(end.id)
                    front.append(end.id)
                    self.met.setdefault(end.id, (distance, end))
            self._check()
            if not front:
                return

    def _check(self) -> None:
        for number, most, noun in (
            (len(self.met), MOST_ENTITIES, "entities"),
            (len(self.associations), MOST_ASSOCIATIONS, "associations"),
        ):
            if number > most:
                raise ValidationException(
                    f"The lineage of '{self._start.arn}' has more than {most} {noun}. Reduce MaxDepth."
                )
        if time.monotonic() > self._until:
            raise ValidationException(
                f"The lineage of '{self._start.arn}' takes more than {MOST_S:g} s to query. Reduce MaxDepth."
            )


@operation("sagemaker", "QueryLineage")
def query_lineage(context: Context, request: Document) -> Document:
    depth, size = request.get("MaxDepth", MOST_DEPTH), request.get("MaxResults", PAGE)
    if depth < 1 or size < 1:
        raise ValidationException(f"MaxDepth and MaxResults are at least 1, not {depth} and {size}.")
    arns = request.get("StartArns") or []
    if not arns:
        raise ValidationException("QueryLineage needs an entity in StartArns.")
    walk = Walk(context, entity(context, arns[0])[0], depth)
    for direction, forward in (("Ascendants", False), ("Descendants", True)):
        if request.get("Direction", "Both") in {direction, "Both"}:
            walk.go(forward=forward)
    requested = [(distance, end) for distance, end in walk.met.values() if _is_vertex(end)]
    chosen = [one for one in requested if one[1].id in _passing(context, request.get("Filters") or {}, requested)]
    after = paging.decode(request.get("NextToken"))
    page, token = paging.page_of(chosen, lambda one: [one[0], one[1].arn], after, size)
    edges = _edges(walk, chosen, page) if request.get("IncludeEdges", True) else []
    answer: Document = {"Vertices": [_vertex(end) for _, end in page], "Edges": edges}
    return answer | ({"NextToken": token} if token else {})


def _is_vertex(end: End) -> bool:
    return lineage_type_of(end.arn) in KINDS


def _vertex(end: End) -> Document:
    kind = {"Type": _SHOWN.get(end.type, end.type)} if end.type else {}
    return {"Arn": end.arn, "LineageType": lineage_type_of(end.arn)} | kind


def _edges(walk: Walk, chosen: list[tuple[int, End]], page: list[tuple[int, End]]) -> list[Document]:
    """Returns the edges to put on a page: each belongs to the page of its later end."""
    order = {end.id: (distance, end.arn) for distance, end in chosen}
    here = {end.id for _, end in page}
    listed = []
    for one in walk.associations.values():
        if {one.source, one.destination} <= order.keys() and max(
            (one.source, one.destination), key=order.__getitem__
        ) in here:
            edge = {"SourceArn": one.source_arn, "DestinationArn": one.destination_arn}
            listed.append(edge | ({"AssociationType": one.type} if one.type else {}))
    return listed


def _passing(context: Context, filters: Document, found: list[tuple[int, End]]) -> set[str]:
    """Returns the ids of the entities that pass all filters. Names within one filter are alternatives; properties must all
    match."""
    ends = [end for _, end in found]
    if types := filters.get("Types"):
        names = {*types, *(SHORT.get(one, one) for one in types)}
        ends = [end for end in ends if end.type in names]
    if kinds := filters.get("LineageTypes"):
        ends = [end for end in ends if lineage_type_of(end.arn) in kinds]
    rest = {name: to_ms(filters[name]) for name in TIMES if isinstance(filters.get(name), datetime)}
    properties: dict[str, str] = filters.get("Properties") or {}
    if not rest and not properties:
        return {end.id for end in ends}
    return {
        row.id
        for row in _rows(context, ends)
        if all(TIMES[name](row, at) for name, at in rest.items())
        and properties.items() <= (row.document.get("Properties") or {}).items()
    }


def _rows(context: Context, ends: list[End]) -> Iterator[Resource]:
    for begin in range(0, len(ends), lineage.AT_ONCE):
        yield from resources.several(context.store, [end.id for end in ends[begin : begin + lineage.AT_ONCE]])
