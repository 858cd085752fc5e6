"""Settings of a log group besides its retention: a KMS key, and deletion protection.

Stored in a separate row below the group, since only a few groups have any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sagewright.engine.monitoring.metric_filters import parent_of
from sagewright.services.context import Context
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import PageRequest
from sagewright.store.logs import logs
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, ResourceNameTaken

KIND = STATUS = "log-group-settings"


def put(context: Context, group: str, said: dict[str, Any]) -> None:
    """`said`: wire names and values; None removes a setting."""
    there = resources.find(context.store, _scope(context), group)
    if there is not None:
        resources.alter(context.store, there.id, lambda now: replace(now, document=_kept(now.document | said)))
        return
    parent = parent_of(logs.LogScope(context.account, context.region), group)
    try:
        resources.create(context.store, _scope(context), New(group, _kept(said), "", {}, parent=parent, status=STATUS))
    except ResourceNameTaken:
        put(context, group, said)


def of(context: Context) -> dict[str, dict[str, Any]]:
    """Returns the settings of each group that has any."""
    page = PageRequest(sort_by="name", descending=False, limit=100_000)
    return {row.name: row.document for row in resources.page(context.store, _scope(context), page)}


def filter_counts(context: Context, groups: Sequence[str]) -> dict[str, int]:
    """Returns the number of metric filters of each group."""
    scope = logs.LogScope(context.account, context.region)
    parents = {parent_of(scope, group): group for group in groups}
    found = resources.count_by_status(context.store, list(parents))
    return {
        group: sum(count for status, count in found[parent].items() if status != STATUS)
        for parent, group in parents.items()
    }


def _kept(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def _scope(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)
