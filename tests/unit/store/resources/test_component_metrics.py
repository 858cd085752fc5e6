"""Points of metrics, and what sums them up."""

from __future__ import annotations

import random
import statistics

import pytest

from sagewright.store.database import Database
from sagewright.store.resources import component_metrics
from sagewright.store.resources.component_metrics import MetricPoint


def put(store: Database, points: list[MetricPoint], most: int = 100) -> list[int]:
    with store.write() as connection:
        return component_metrics.put_in(connection, "c", points, most)


def test_statistics_are_those_of_all_points(database: Database) -> None:
    rng = random.Random(3)
    values = [1e9 + rng.random() for _ in range(50)]  # sums of squares would have lost every digit
    for first in range(0, 50, 10):
        assert put(database, [MetricPoint("m", at, at, values[at]) for at in range(first, first + 10)]) == []
    (summary,) = component_metrics.of_components(database, ["c", "other"])["c"]
    assert (summary.count, summary.minimum, summary.maximum) == (50, min(values), max(values))
    assert summary.mean == pytest.approx(statistics.fmean(values), rel=1e-15)
    assert summary.deviation == pytest.approx(statistics.pstdev(values), rel=1e-6)
    assert [one.value for one in component_metrics.series(database, "c", "m", 1000)] == values
    assert len(component_metrics.series(database, "c", "m", 7)) == 7


def test_the_last_point_is_the_newest(database: Database) -> None:
    put(database, [MetricPoint("m", 20, None, 2.0), MetricPoint("m", 10, None, 1.0)])
    (summary,) = component_metrics.of_components(database, ["c"])["c"]
    assert (summary.last, summary.at_ms) == (2.0, 20)


def test_a_component_has_so_many_metrics_at_most(database: Database) -> None:
    points = [MetricPoint(name, 1, None, 1.0) for name in ("a", "b", "c", "a")]
    assert put(database, points, most=2) == [2]
    found = component_metrics.of_components(database, ["c"])["c"]
    assert [(one.name, one.count) for one in found] == [("a", 2), ("b", 1)]
    assert put(database, [MetricPoint("b", 2, None, 1.0), MetricPoint("d", 2, None, 1.0)], most=2) == [1]
    with database.write() as connection:
        component_metrics.remove_in(connection, "c")
    assert component_metrics.of_components(database, ["c"]) == {}
    assert component_metrics.series(database, "c", "a", 10) == []
