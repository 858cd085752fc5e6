"""Metric data by series and time."""

from __future__ import annotations

from sagewright.store.database import Database
from sagewright.store.logs import metrics
from sagewright.store.logs.metrics import Datum, MetricSeries, SeriesQuery


def test_series_are_told_apart_and_read_by_time(database: Database) -> None:
    text = metrics.dimension_text({"b": "2", "a": "1"})
    one, other = MetricSeries("0", "r", "ns", "acc", text), MetricSeries("0", "r", "ns", "acc", "")
    with database.write() as connection:
        metrics.put(
            connection,
            [(one, Datum.of_value(20, 0.5)), (other, Datum.of_value(10, 9.0)), (one, Datum.of_value(10, 0.25))],
        )
        metrics.put(connection, [])
    assert metrics.dimension_map(text) == {"a": "1", "b": "2"}
    assert [d.total for d in metrics.read(database, one, 10, 21)] == [0.25, 0.5]
    assert [d.total for d in metrics.read(database, one, 11, 20)] == []
    assert list(metrics.list_series(database, SeriesQuery("0", "r", "ns"))) == [other, one]
    assert list(metrics.list_series(database, SeriesQuery("0", "r", name="nothing"))) == []


def test_series_are_listed_without_reading_their_data(database: Database) -> None:
    series = [MetricSeries("0", "r", f"ns{n % 3}", f"m{n}", "") for n in range(9)]
    with database.write() as connection:
        for one in series:
            metrics.put(connection, [(one, Datum.of_value(at, 1.0)) for at in range(50)])
    ordered = sorted(series, key=lambda one: (one.namespace, one.name))
    assert list(metrics.list_series(database, SeriesQuery("0", "r"))) == ordered
    after = (ordered[3].namespace, ordered[3].name, "")
    assert list(metrics.list_series(database, SeriesQuery("0", "r", after=after))) == ordered[4:]
    assert list(metrics.list_series(database, SeriesQuery("0", "r", namespace="ns1"))) == ordered[3:6]
    assert list(metrics.list_series(database, SeriesQuery("0", "r", name="m4"))) == [series[4]]
