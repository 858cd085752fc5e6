"""Lists of Studio's resources: their filters, and filters that are not columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Comparison, PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

SORTS = {"CreationTime": "created_ms", "LastModifiedTime": "modified_ms", "Name": "name"}
FILTERS = paging.FILTERS | {
    "ModifiedTimeAfter": ("modified_ms", Comparison.AT_LEAST),
    "ModifiedTimeBefore": ("modified_ms", Comparison.AT_MOST),
}
_READ = 100


def filtered(
    kind: ResourceType, context: Context, request: dict[str, Any], holds: Callable[[Resource], bool]
) -> dict[str, Any]:
    """Returns one page of a list with a condition on documents: rows are read until a page is full of matching ones."""
    scope = ResourceScope(kind.kind, context.account, context.region)

    def fetch(page: PageRequest) -> list[Resource]:
        found: list[Resource] = []
        reading = replace(page, limit=max(_READ, page.limit))
        while True:
            rows = resources.page(context.store, scope, reading)
            found += [one for one in rows if holds(one)]
            cut = getattr(rows, "cut", False)
            if not rows or (len(rows) < reading.limit and not cut) or len(found) >= page.limit:
                return found[: page.limit]
            reading = replace(reading, after=paging.position_of(rows[-1], reading))

    return kind.listed.answer(request, fetch, lambda rows: map(kind.summary, rows))
