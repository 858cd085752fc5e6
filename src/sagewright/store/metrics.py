"""Metric data: kept one row a datum, read as statistics of periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from sagewright.store.database import Database
from sagewright.store.schema.metrics import metric_data


@dataclass(frozen=True)
class Series:
    """What a datum belongs to. `dimensions` is canonical text, see `dimension_text`."""

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


def put(connection: Connection, data: Sequence[tuple[Series, Datum]]) -> None:
    if data:
        connection.execute(insert(metric_data), [{**vars(series), **vars(datum)} for series, datum in data])


def read(store: Database, series: Series, start_ms: int, end_ms: int) -> list[Datum]:
    """The data of [start_ms, end_ms) by time."""
    columns = [metric_data.c[name] for name in Datum.__dataclass_fields__]
    statement = (
        select(*columns)
        .where(*_where(series), metric_data.c.at_ms >= start_ms, metric_data.c.at_ms < end_ms)
        .order_by(metric_data.c.at_ms, metric_data.c.id)
    )
    with store.read() as connection:
        return [Datum(**row._mapping) for row in connection.execute(statement)]


def _where(series: Series) -> list[Any]:
    return [metric_data.c[name] == value for name, value in vars(series).items()]


def list_series(store: Database, account: str, region: str, namespace: str | None, name: str | None) -> list[Series]:
    columns = [metric_data.c[field] for field in Series.__dataclass_fields__]
    statement = select(*columns).distinct().where(metric_data.c.account == account, metric_data.c.region == region)
    if namespace is not None:
        statement = statement.where(metric_data.c.namespace == namespace)
    if name is not None:
        statement = statement.where(metric_data.c.name == name)
    order = (metric_data.c.namespace, metric_data.c.name, metric_data.c.dimensions)
    with store.read() as connection:
        return [Series(**row._mapping) for row in connection.execute(statement.order_by(*order))]
