"""Metric filters: count log lines in the transaction that stores the lines.

Each line therefore counts once, however often a report or a request is sent again. Source: "Creating metrics from log events using
filters" (CloudWatch Logs user guide); Logs' API reference, MetricTransformation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from sagewright.engine.monitoring.filter_conditions import MISSING
from sagewright.engine.monitoring.filter_patterns import Fields, Filter, compile_fields, compile_filter
from sagewright.model.members import TypedDocument, member
from sagewright.store.database import Database
from sagewright.store.logs import metrics
from sagewright.store.logs.logs import LogScope
from sagewright.store.logs.metrics import MOST_VALUE, Datum, MetricSeries, dimension_text
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KIND = "log-metric-filter"
MINUTE_MS = 60_000
Line = tuple[int, str]


@dataclass(frozen=True, kw_only=True)
class MetricFilter(TypedDocument):
    """`transformations`: as MetricTransformation."""

    pattern: str = member("filterPattern")
    transformations: list[dict[str, Any]] = member("metricTransformations")


def parent_of(scope: LogScope, group: str) -> str:
    """Returns the parent of a log group's filters."""
    return f"log-group/{scope.account}/{scope.region}/{group}"


def count_in(store: Database, connection: Connection, where: tuple[LogScope, str], lines: Sequence[Line]) -> None:
    """Applies the filters of a group, `where`, to lines: (milliseconds, message)."""
    if not lines:
        return
    scope, group = where
    data: list[tuple[MetricSeries, Datum]] = []
    for one in _filters(store, connection, parent_of(scope, group)):
        data += _counted(one, scope, lines)
    metrics.put(connection, data)


def _filters(store: Database, connection: Connection, parent: str) -> list[Resource]:
    """Returns the filters of a group. Nearly every group has none, so the result is cached where this process is the only writer;
    writers invalidate it (`store.memory.changes`)."""

    def read() -> list[Resource]:
        return [one for one in resources.children_in(connection, parent) if one.kind == KIND]

    return (store.memory.recall(parent, KIND, read) or []) if store.embedded else read()


def _counted(metric_filter: Resource, scope: LogScope, lines: Sequence[Line]) -> list[tuple[MetricSeries, Datum]]:
    """Returns one datum per minute and value; equal values are merged, so that percentiles stay exact."""
    document = MetricFilter.read(metric_filter.document)
    matches, fields = _compiled(document.pattern)
    found: list[tuple[MetricSeries, Datum]] = []
    for transformation in document.transformations:
        counts: Counter[tuple[int, str, float]] = Counter()
        quiet = {at_ms // MINUTE_MS for at_ms, _ in lines}
        for at_ms, message in lines:
            if not matches(message):
                continue
            quiet.discard(at_ms // MINUTE_MS)
            measured = _measured(transformation, fields, message)
            if measured is not None:
                counts[(at_ms // MINUTE_MS, *measured)] += 1
        if "defaultValue" in transformation:
            counts.update((minute, "", float(transformation["defaultValue"])) for minute in quiet)
        found += [_datum(transformation, scope, key, count) for key, count in counts.items()]
    return found


def _datum(
    transformation: Mapping[str, Any], scope: LogScope, key: tuple[int, str, float], count: int
) -> tuple[MetricSeries, Datum]:
    minute, dimensions, value = key
    named = (transformation["metricNamespace"], transformation["metricName"])
    unit = transformation.get("unit", "None")
    datum = Datum(minute * MINUTE_MS, float(count), value * count, value, value, unit)
    return MetricSeries(scope.account, scope.region, *named, dimensions), datum


def _measured(transformation: Mapping[str, Any], fields: Fields, message: str) -> tuple[str, float] | None:
    """Returns the dimensions, as canonical text, and the value; None if the message lacks one of them."""
    dimensions = {
        name: fields(message, selector) for name, selector in (transformation.get("dimensions") or {}).items()
    }
    if any(
        value is MISSING or value in {None, ""} for value in dimensions.values() if not isinstance(value, list | dict)
    ):
        return None
    value = number(transformation["metricValue"], fields, message)
    if value is None:
        return None
    return dimension_text({name: str(value).replace("\n", " ") for name, value in dimensions.items()}), value


def number(text: str, fields: Fields, message: str) -> float | None:
    """Returns the number that a metric value, a number or a selector, has for a message; None if CloudWatch would not accept it."""
    given = fields(message, text) if text.startswith("$") else text
    if given is MISSING or given is None or isinstance(given, bool | list | dict):
        return None
    try:
        found = float(given)
    except ValueError:
        return None
    return found if abs(found) <= MOST_VALUE else None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[Filter, Fields]:
    return compile_filter(pattern), compile_fields(pattern)
