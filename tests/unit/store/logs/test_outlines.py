"""Outlines of metric series: exact for short ones, least and greatest values for long ones, and read on from where they ended."""

from __future__ import annotations

import random

import pytest

from sagewright.store.database import Database
from sagewright.store.logs import metrics, outlines
from sagewright.store.logs.metrics import Datum, MetricSeries
from sagewright.store.logs.outlines import Outline, Outlines

SERIES = MetricSeries("0", "r", "ns", "loss", "Job=one")
MOST = 200


def put(database: Database, points: list[tuple[int, float]]) -> None:
    with database.write() as connection:
        metrics.put(connection, [(SERIES, Datum.of_value(at, value)) for at, value in points])


def checked(found: Outline, values: list[float]) -> None:
    """Checks an outline of `values`, which are in order of time."""
    assert found.count == len(values)
    assert len(found.values) <= MOST
    assert len(found.positions) == len(found.times) == len(found.values)
    assert list(found.positions) == sorted(set(found.positions))
    assert (found.positions[0], found.positions[-1]) == (0, len(values) - 1)
    assert (found.values[0], found.values[-1]) == (values[0], values[-1])
    assert (min(found.values), max(found.values)) == (min(values), max(values))
    gaps = [after - before for before, after in zip(found.positions, found.positions[1:], strict=False)]
    assert max(gaps) < 64 * len(values) / MOST


def test_a_short_series_is_read_whole(database: Database) -> None:
    assert Outlines(database).read(SERIES, MOST) == Outline(0, (), (), ())
    put(database, [(at, float(at % 7)) for at in range(MOST)])
    found = Outlines(database).read(SERIES, MOST)
    assert found.values == tuple(float(at % 7) for at in range(MOST))
    assert found.positions == found.times == tuple(range(MOST))


def times(kind: str, count: int) -> list[int]:
    """Times of `count` values: equally far apart, all the same, in a few bursts, or ever rarer."""
    if kind == "even":
        return [1000 * at for at in range(count)]
    if kind == "same":
        return [5000] * count
    if kind == "bursts":
        return [(at // 1500) * 3_600_000 for at in range(count)]
    return [at * at for at in range(count)]


@pytest.mark.parametrize("kind", ["even", "same", "bursts", "rarer"])
def test_a_long_series_keeps_its_ends_and_extremes(database: Database, kind: str) -> None:
    rng = random.Random(1)
    values = [rng.gauss(0, 1) for _ in range(6000)]
    values[3333], values[4444] = 99.0, -99.0
    put(database, list(zip(times(kind, len(values)), values, strict=True)))
    checked(Outlines(database).read(SERIES, MOST), values)


@pytest.mark.parametrize("kind", ["even", "same", "bursts", "rarer"])
def test_an_outline_grows_with_its_series(database: Database, kind: str) -> None:
    rng = random.Random(2)
    values = [rng.gauss(0, 1) for _ in range(6000)]
    points = list(zip(times(kind, len(values)), values, strict=True))
    reader = Outlines(database)
    for end in (100, 300, 350, 351, 2000, 6000):
        begin = reader.read(SERIES, MOST).count
        put(database, points[begin:end])
        found = reader.read(SERIES, MOST)
        if end > MOST:
            checked(found, values[:end])
        assert reader.read(SERIES, MOST) == found


def test_a_series_that_was_made_anew_is_not_mistaken(database: Database) -> None:
    reader = Outlines(database)
    put(database, [(at, 1.0) for at in range(10, 500)])
    assert reader.read(SERIES, MOST).count == 490
    put(database, [(at, 2.0) for at in range(5)])
    assert reader.read(SERIES, MOST).count == 495


def test_metrics_are_named_by_their_exact_dimensions(database: Database) -> None:
    other = [MetricSeries("0", "r", "ns", f"m{at}", f"Job=other{at}") for at in range(5)]
    own = [MetricSeries("0", "r", "ns", name, "Job=one") for name in ("acc", "m3")]
    away = [MetricSeries("0", "r", "ns2", "away", "Job=one"), MetricSeries("1", "r", "ns", "away", "Job=one")]
    with database.write() as connection:
        metrics.put(connection, [(one, Datum.of_value(at, 1.0)) for one in [*other, *own, *away] for at in range(3)])
    assert outlines.names(database, SERIES, 100) == ["acc", "m3"]
    assert outlines.names(database, SERIES, 1) == ["acc"]
    assert outlines.names(database, MetricSeries("0", "r", "none", "", ""), 100) == []
