"""Metrics put for trial components: their points, and a summary that is updated with each point."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from sagewright.store.among import among
from sagewright.store.database import Database
from sagewright.store.logs.metrics import MetricSeries
from sagewright.store.prepared import PreparedStatement
from sagewright.store.resources.trials import changed_in
from sagewright.store.schema.metrics import metric_data
from sagewright.store.schema.trials import component_metric_summaries as summaries
from sagewright.store.schema.trials import component_metrics as points


@dataclass(frozen=True)
class MetricPoint:
    name: str
    at_ms: int
    step: int | None
    value: float


@dataclass
class Summary:
    """`squares`: sum of the squared distances from the mean; `last`, `at_ms`: value and time of the newest point."""

    name: str
    count: int
    minimum: float
    maximum: float
    mean: float
    squares: float
    last: float
    at_ms: int

    @classmethod
    def first(cls, point: MetricPoint) -> Summary:
        return cls(point.name, 1, point.value, point.value, point.value, 0.0, point.value, point.at_ms)

    def add(self, point: MetricPoint) -> None:
        """Returns the summary with one more point, by Welford's update, which loses no digits to a large mean."""
        self.count += 1
        before = point.value - self.mean
        self.mean += before / self.count
        self.squares += before * (point.value - self.mean)
        self.minimum, self.maximum = min(self.minimum, point.value), max(self.maximum, point.value)
        if point.at_ms >= self.at_ms:
            self.last, self.at_ms = point.value, point.at_ms

    @property
    def deviation(self) -> float:
        return math.sqrt(max(0.0, self.squares / self.count))


_MEMBERS = [summaries.c[name] for name in Summary.__dataclass_fields__]
# The statements of each request are built once; SQLAlchemy takes longer to build a statement than SQLite to run it.
_OWN = summaries.c.component == bindparam("own")
_NAMED = select(*_MEMBERS).where(_OWN, summaries.c.name.in_(bindparam("names", expanding=True)))
_OF_SEVERAL = PreparedStatement(
    select(summaries.c.component, *_MEMBERS).where(among(summaries.c.component, "ids")).order_by(summaries.c.name)
)
_NUMBER = select(func.count()).where(_OWN)
_CHANGE = (
    update(summaries)
    .where(_OWN, summaries.c.name == bindparam("named"))
    .values({name: bindparam(f"new_{name}") for name in Summary.__dataclass_fields__ if name != "name"})
)
_ADD, _ADD_POINTS = insert(summaries), insert(points)


def put_in(connection: Connection, component: str, added: Sequence[MetricPoint], most: int) -> list[int]:
    """Stores the points; returns the indexes of those refused because the component has `most` metrics of other names.

    The caller has locked the component's row, so no other writer adds to it.
    """
    names = {point.name for point in added}
    rows = connection.execute(_NAMED, {"own": component, "names": sorted(names)})
    found = {row.name: Summary(*row) for row in rows}
    old, refused = set(found), set[int]()
    number = (connection.execute(_NUMBER, {"own": component}).scalar() or 0) if names - old else 0
    for at, point in enumerate(added):
        if point.name in found:
            found[point.name].add(point)
        elif number < most:
            found[point.name], number = Summary.first(point), number + 1
        else:
            refused.add(at)
    kept = [{"component": component, **vars(point)} for at, point in enumerate(added) if at not in refused]
    if kept:
        connection.execute(_ADD_POINTS, kept)
        changed_in(connection, component)
    if changed := [_changed(component, found[name]) for name in sorted(old)]:
        connection.execute(_CHANGE, changed)
    if fresh := [{"component": component, **vars(found[name])} for name in sorted(set(found) - old)]:
        connection.execute(_ADD, fresh)
    return sorted(refused)


def _changed(component: str, summary: Summary) -> dict[str, Any]:
    values = {f"new_{name}": value for name, value in vars(summary).items() if name != "name"}
    return {"own": component, "named": summary.name, **values}


def of_components(store: Database, ids: Sequence[str]) -> dict[str, list[Summary]]:
    """Returns the summaries by component, ordered by name."""
    found: dict[str, list[Summary]] = defaultdict(list)
    with store.read() as connection:
        for component, *row in _OF_SEVERAL.all(connection, {"ids": ids}):
            found[component].append(Summary(*row))
    return found


def series(store: Database, component: str, name: str, limit: int) -> list[MetricPoint]:
    """Returns the first `limit` points in the order they were put."""
    columns = [points.c[member] for member in MetricPoint.__dataclass_fields__]
    own = (points.c.component == component, points.c.name == name)
    with store.read() as connection:
        rows = connection.execute(select(*columns).where(*own).order_by(points.c.id).limit(limit))
        return [MetricPoint(*row) for row in rows]


def remove_in(connection: Connection, component: str) -> None:
    for table in (points, summaries):
        connection.execute(delete(table).where(table.c.component == component))


def of_series(store: Database, place: MetricSeries, names: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    """Returns (count, minimum, maximum, mean, deviation) of the named series of the component, from data of one sample each."""
    own = metric_data.c
    total, squares = func.sum(own.total), func.sum(own.total * own.total)
    statement = (
        select(own.name, func.sum(own.samples), func.min(own.minimum), func.max(own.maximum), total, squares)
        .where(own.account == place.account, own.region == place.region, own.namespace == place.namespace)
        .where(own.name.in_(list(names)), own.dimensions == place.dimensions)
        .group_by(own.name)
    )
    with store.read() as connection:
        return {row[0]: _statistics(*row[1:]) for row in connection.execute(statement)}


def _statistics(samples: float, minimum: float, maximum: float, total: float, squares: float) -> tuple[Any, ...]:
    mean = total / samples
    return int(samples), minimum, maximum, mean, math.sqrt(max(0.0, squares / samples - mean * mean))
