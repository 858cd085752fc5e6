"""Metric data: stored as one row per datum, read as statistics of periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, bindparam, func, insert, literal, select, tuple_

from sagewright.store.database import Database
from sagewright.store.schema.metrics import metric_data

Position = tuple[str, str, str]
"""Namespace, name and dimensions of a series."""
_KEY = (metric_data.c.namespace, metric_data.c.name, metric_data.c.dimensions)
MOST_LOOKUPS = 10_000
"""Maximum number of series that one page of a list examines: a page may be shorter than requested, or even empty, and
still have a successor."""
MOST_VALUE = 2.0**360
"""CloudWatch accepts no value beyond it, in either direction; sums of many such values are still finite."""


@dataclass(frozen=True)
class MetricSeries:
    """The series of a datum. `dimensions` is canonical text, see `dimension_text`."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: str


@dataclass(frozen=True)
class Datum:
    at_ms: int
    samples: float
    total: float
    minimum: float
    maximum: float
    unit: str = "None"

    @classmethod
    def of_value(cls, at_ms: int, value: float, unit: str = "None") -> Datum:
        return cls(at_ms, 1.0, value, value, value, unit)


def dimension_text(dimensions: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={value}" for name, value in sorted(dimensions.items()))


def dimension_map(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.split("\n") if line)


def put(connection: Connection, data: Sequence[tuple[MetricSeries, Datum]]) -> None:
    if data:
        connection.execute(insert(metric_data), [{**vars(series), **vars(datum)} for series, datum in data])


def read(store: Database, series: MetricSeries, start_ms: int, end_ms: int, most: int | None = None) -> list[Datum]:
    """Returns the first `most` data of [start_ms, end_ms) by time; all of them for None."""
    columns = [metric_data.c[name] for name in Datum.__dataclass_fields__]
    statement = (
        select(*columns)
        .where(*series_is(series), metric_data.c.at_ms >= start_ms, metric_data.c.at_ms < end_ms)
        .order_by(metric_data.c.at_ms, metric_data.c.id)
        .limit(most)
    )
    with store.read() as connection:
        return [Datum(*row) for row in connection.execute(statement)]


@dataclass(frozen=True)
class Period:
    """Statistics of the data of one unit in one period."""

    at_ms: int
    unit: str
    samples: float
    total: float
    minimum: float
    maximum: float


def periods(store: Database, series: MetricSeries, window: tuple[int, int], step_ms: int, most: int) -> list[Period]:
    """Returns at most `most` periods by time, aggregated by the store, however many data there are. `window`: [start, end)."""
    own = metric_data.c
    begins = (own.at_ms - own.at_ms % step_ms).label("begins")
    statement = (
        select(
            begins, own.unit, func.sum(own.samples), func.sum(own.total), func.min(own.minimum), func.max(own.maximum)
        )
        .where(*series_is(series), own.at_ms >= window[0], own.at_ms < window[1])
        .group_by(begins, own.unit)
        .order_by(begins, func.min(own.id))
        .limit(most)
    )
    with store.read() as connection:
        return [Period(*row) for row in connection.execute(statement)]


def series_is(series: MetricSeries) -> list[Any]:
    """Returns the conditions on rows of `metric_data` that select a series."""
    return [metric_data.c[name] == value for name, value in vars(series).items()]


@dataclass(frozen=True)
class SeriesQuery:
    """`having`: names and values of dimensions that each series has; None matches any value. `after`: the namespace, name and
    dimensions after which it begins; or, without dimensions, `skip`: the number of series before it."""

    account: str
    region: str
    namespace: str | None = None
    name: str | None = None
    having: tuple[tuple[str, str | None], ...] = ()
    after: Position | None = None
    skip: int = 0


@dataclass(frozen=True)
class SeriesPage:
    """`after`: where the following page begins; None if there is none."""

    series: list[MetricSeries]
    after: Position | None


def series_page(store: Database, query: SeriesQuery, most: int) -> SeriesPage:
    """Returns at most `most` series that have data, in the order of namespace, name and dimensions.

    One index look-up finds the next series, however many data are between them. A page ends after `MOST_LOOKUPS` of them. On
    SQLite, a look-up passes over the series whose dimensions come before or behind the requested ones.
    """
    statements, leaps = _statements(query), store.engine.dialect.name == "sqlite"
    found: list[MetricSeries] = []
    with store.read() as connection:
        begin = _skipped(connection, query) if query.skip else query.after
        if query.skip and begin is None:
            return SeriesPage(found, None)
        row = _looked_up(connection, statements, "after" if begin else "first", begin)
        for _ in range(MOST_LOOKUPS):
            if row is None:
                return SeriesPage(found, None)
            after: Position = (row.namespace, row.name, row.dimensions)
            own = dimension_map(row.dimensions)
            if all(name in own and value in {None, own[name]} for name, value in query.having):
                if len(found) == most:
                    last = found[-1]
                    return SeriesPage(found, (last.namespace, last.name, last.dimensions))
                found.append(MetricSeries(query.account, query.region, *after))
                leap = None
            else:
                leap = _leap(row.dimensions, min(query.having, key=itemgetter(0))) if leaps else None
            if leap is None:
                row = _looked_up(connection, statements, "after", after)
            else:
                row = _looked_up(connection, statements, "from", (*after[:2], leap))
    return SeriesPage(found, after)


def count_series(store: Database, query: SeriesQuery, most: int) -> int:
    """Returns the number of series of a query without dimensions, at most `most`."""
    walk = _walk(query, most)
    with store.read() as connection:
        return connection.execute(select(func.count(walk.c.id))).scalar_one()


def _skipped(connection: Connection, query: SeriesQuery) -> Position | None:
    """Returns the last one of the first `skip` series; None if there are fewer."""
    walk = _walk(query, query.skip)
    last = select(walk.c.id).where(walk.c.number == query.skip)
    row = connection.execute(select(*_KEY).where(metric_data.c.id == last.scalar_subquery())).first()
    return (row.namespace, row.name, row.dimensions) if row else None


def _walk(query: SeriesQuery, most: int) -> CTE:
    """Returns the first `most` series by their numbers, each by the id of a datum: one index look-up finds the next. The last id is
    null where they end."""
    named = _named(query)
    first = select(metric_data.c.id).where(*named).order_by(*_KEY).limit(1).scalar_subquery()
    walk = select(literal(1).label("number"), first.label("id")).cte("walk", recursive=True)
    before = metric_data.alias("before")
    key = select(*(before.c[column.name] for column in _KEY)).where(before.c.id == walk.c.id)
    behind = select(metric_data.c.id).where(*named, tuple_(*_KEY) > key.correlate(walk).scalar_subquery())
    behind = behind.order_by(*_KEY).limit(1).correlate(walk)
    following = select(walk.c.number + 1, behind.scalar_subquery()).where(walk.c.id.is_not(None), walk.c.number < most)
    return walk.union_all(following)


def _leap(text: str, sought: tuple[str, str | None]) -> str | None:
    """Returns the least dimensions behind `text`, which do not match, that can match; None if those that follow it can.

    `sought`: the first requested name, with its value. A text begins with the first name of its dimensions.
    """
    first, (name, value) = text.partition("=")[0], sought
    if first > name:
        return f"{first}>"  # the least text behind all that begin with `first=`
    if first < name or value is None:
        return None
    if text < f"{name}={value}":
        return f"{name}={value}"
    return f"{name}>" if text >= f"{name}={value}\x0b" else None


def _statements(query: SeriesQuery) -> dict[str, Any]:
    """Returns the statements that find the first series, the first after a position, and the first at or after a position."""
    first = select(*_KEY).where(*_named(query)).order_by(*_KEY).limit(1)
    position = tuple_(*(bindparam(column.name) for column in _KEY))
    return {
        "first": first,
        "after": first.where(tuple_(*_KEY) > position),
        "from": first.where(tuple_(*_KEY) >= position),
    }


def _named(query: SeriesQuery) -> list[ColumnElement[bool]]:
    own = {"account": query.account, "region": query.region, "namespace": query.namespace, "name": query.name}
    return [metric_data.c[column] == value for column, value in own.items() if value is not None]


def _looked_up(connection: Connection, statements: dict[str, Any], which: str, position: Position | None) -> Any:
    values = dict(zip(("namespace", "name", "dimensions"), position, strict=True)) if position else {}
    return connection.execute(statements[which], values).first()
