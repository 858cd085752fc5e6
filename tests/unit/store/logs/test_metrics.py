"""Metric data by series and time."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import event

from sagewright.store.database import Database
from sagewright.store.logs import metrics
from sagewright.store.logs.metrics import Datum, MetricSeries, SeriesQuery


def listed(database: Database, query: SeriesQuery) -> list[MetricSeries]:
    page = metrics.series_page(database, query, 500)
    assert page.after is None
    return page.series


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
    assert listed(database, SeriesQuery("0", "r", "ns")) == [other, one]
    assert listed(database, SeriesQuery("0", "r", name="nothing")) == []


def test_series_are_listed_without_reading_their_data(database: Database) -> None:
    series = [MetricSeries("0", "r", f"ns{n % 3}", f"m{n}", "") for n in range(9)]
    with database.write() as connection:
        for one in series:
            metrics.put(connection, [(one, Datum.of_value(at, 1.0)) for at in range(50)])
    ordered = sorted(series, key=lambda one: (one.namespace, one.name))
    assert listed(database, SeriesQuery("0", "r")) == ordered
    after = (ordered[3].namespace, ordered[3].name, "")
    assert listed(database, SeriesQuery("0", "r", after=after)) == ordered[4:]
    assert listed(database, SeriesQuery("0", "r", namespace="ns1")) == ordered[3:6]
    assert listed(database, SeriesQuery("0", "r", name="m4")) == [series[4]]


@pytest.mark.parametrize("name", [None, "m1"])
def test_a_list_begins_at_a_row_and_all_series_are_counted(database: Database, name: str | None) -> None:
    every = [MetricSeries("0", "r", f"ns{n % 3}", f"m{n % 2}", f"of={n}") for n in range(12)]
    with database.write() as connection:
        for one in every:
            metrics.put(connection, [(one, Datum.of_value(at, 1.0)) for at in range(3)])
        metrics.put(connection, [(MetricSeries("0", "elsewhere", "ns", "m1", ""), Datum.of_value(1, 1.0))])
    whole = listed(database, SeriesQuery("0", "r", name=name))
    assert len(whole) == (6 if name else 12)
    for skip in range(len(whole) + 2):
        page = metrics.series_page(database, SeriesQuery("0", "r", name=name, skip=skip), 4)
        assert page.series == whole[skip : skip + 4]
        assert (page.after is not None) == (skip + 4 < len(whole))
    for most in (1, 5, 50):
        assert metrics.count_series(database, SeriesQuery("0", "r", name=name), most) == min(most, len(whole))
    assert metrics.count_series(database, SeriesQuery("0", "nowhere"), 50) == 0


def of_dimensions(database: Database, name: str, *every: dict[str, str]) -> list[MetricSeries]:
    series = [MetricSeries("0", "r", "ns", name, metrics.dimension_text(one)) for one in every]
    with database.write() as connection:
        metrics.put(connection, [(one, Datum.of_value(at, 1.0)) for one in series for at in range(3)])
    return series


EVERY = [
    {}, {"Job": "a"}, {"Job": "b"}, {"Job": "b\tx"}, {"Job": "ba"}, {"Job": "c"}, {"Job": "b", "Host": "1"},
    {"Job": "b", "Zone": "z"}, {"Job-x": "b"}, {"Job": "c", "Zone": "z"}, {"Host": "b"}, {"Zone": "z"}, {"Joc": "b"},
    {"Job": "b", "A": "a", "Zone": "y"},
]  # fmt: skip


@pytest.mark.parametrize(
    "having",
    [
        (("Job", "b"),),
        (("Job", None),),
        (("Zone", "z"),),
        (("Zone", "z"), ("Job", "b")),
        (("Job-x", "b"),),
        (("Host", "b"),),
    ],
)
def test_series_with_dimensions_are_those_that_a_whole_list_has(
    database: Database, having: tuple[tuple[str, str | None], ...]
) -> None:
    every = of_dimensions(database, "m", *EVERY) + of_dimensions(database, "n", *EVERY)
    assert len(listed(database, SeriesQuery("0", "r"))) == len(every)
    due = [
        one
        for one in listed(database, SeriesQuery("0", "r"))
        for own in (metrics.dimension_map(one.dimensions),)
        if all(name in own and value in {None, own[name]} for name, value in having)
    ]
    found: list[MetricSeries] = []
    after = None
    while True:
        page = metrics.series_page(database, SeriesQuery("0", "r", having=having, after=after), 2)
        found += page.series
        after = page.after
        if after is None:
            break
    assert due and found == due


def test_series_of_a_job_are_found_past_those_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(f"sqlite:///{tmp_path}/s")
    for name in ("auc", "loss"):
        of_dimensions(database, name, *({"Job": f"job-{at:03d}"} for at in range(200)))
    statements = 0

    @event.listens_for(database.engine, "before_cursor_execute")
    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    page = metrics.series_page(database, SeriesQuery("0", "r", having=(("Job", "job-150"),)), 500)
    assert ([one.name for one in page.series], page.after) == (["auc", "loss"], None)
    assert statements < 10
    monkeypatch.setattr(metrics, "MOST_LOOKUPS", 50)
    page = metrics.series_page(database, SeriesQuery("0", "r", having=(("Zone", "z"),)), 500)
    assert page.series == [] and page.after is not None
    database.close()
