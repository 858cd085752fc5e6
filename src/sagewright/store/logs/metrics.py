"""Metric data: stored as one row per datum, read as statistics of periods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, tuple_

from sagewright.store.database import Database
from sagewright.store.schema.metrics import metric_data

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
    """`after`: the namespace, name and dimensions behind which it begins."""

    account: str
    region: str
    namespace: str | None = None
    name: str | None = None
    after: tuple[str, str, str] | None = None


def list_series(store: Database, query: SeriesQuery) -> Iterator[MetricSeries]:
    """Yields each series that has data, in the order of namespace, name and dimensions.

    One index look-up finds the next series, however many data lie between them.
    """
    key = (metric_data.c.namespace, metric_data.c.name, metric_data.c.dimensions)
    own = {"account": query.account, "region": query.region, "namespace": query.namespace, "name": query.name}
    named = [metric_data.c[column] == value for column, value in own.items() if value is not None]
    first = select(*key).where(*named).order_by(*key).limit(1)
    following = first.where(tuple_(*key) > tuple_(*(bindparam(column.name) for column in key)))
    after = query.after
    while True:
        with store.read() as connection:
            values = dict(zip((column.name for column in key), after, strict=True)) if after else {}
            row = connection.execute(following if after else first, values).first()
        if row is None:
            return
        after = (row.namespace, row.name, row.dimensions)
        yield MetricSeries(query.account, query.region, *after)
