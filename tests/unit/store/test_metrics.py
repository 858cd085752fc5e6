"""Metric data by series and time."""

from __future__ import annotations

from sagewright.store import metrics
from sagewright.store.database import Database
from sagewright.store.metrics import Datum, Series


def test_series_are_told_apart_and_read_by_time(database: Database) -> None:
    text = metrics.dimension_text({"b": "2", "a": "1"})
    one, other = Series("0", "r", "ns", "acc", text), Series("0", "r", "ns", "acc", "")
    with database.write() as connection:
        metrics.put(
            connection,
            [(one, Datum.of_value(20, 0.5)), (other, Datum.of_value(10, 9.0)), (one, Datum.of_value(10, 0.25))],
        )
        metrics.put(connection, [])
    assert metrics.dimension_map(text) == {"a": "1", "b": "2"}
    assert [d.total for d in metrics.read(database, one, 10, 21)] == [0.25, 0.5]
    assert [d.total for d in metrics.read(database, one, 11, 20)] == []
    assert metrics.list_series(database, "0", "r", "ns", None) == [other, one]
    assert metrics.list_series(database, "0", "r", None, "nothing") == []
