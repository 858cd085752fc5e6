"""Deleted streams are gone at once, and their events are removed a slice at a time, whichever process dies meanwhile."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from sagewright.store.database import Database
from sagewright.store.logs import log_events, log_sweep, logs
from sagewright.store.logs.log_events import Window
from sagewright.store.logs.logs import LogScope
from sagewright.store.schema.logs import log_events as event_rows
from sagewright.store.schema.logs import log_streams

SCOPE = LogScope("000000000000", "us-east-1")


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_sweep, "SLICE", 7)
    monkeypatch.setattr(log_sweep, "PAUSE_S", 0)
    monkeypatch.setattr(logs, "SLICE", 3)


def count(database: Database) -> tuple[int, int]:
    with database.read() as connection:
        events = connection.execute(select(func.count()).select_from(event_rows)).scalar_one()
        return events, connection.execute(select(func.count()).select_from(log_streams)).scalar_one()


def fill(database: Database, group: str, streams: int, lines: int) -> None:
    for number in range(streams):
        logs.put(database, SCOPE, (group, f"s{number}"), [(at, f"{group} {at}") for at in range(lines)])


def test_what_is_deleted_is_gone_at_once_and_its_names_are_free(database: Database) -> None:
    fill(database, "g", 8, 10)
    fill(database, "other", 1, 10)
    logs.delete_group(database, SCOPE, "g")
    assert not logs.group_exists(database, SCOPE, "g")
    assert logs.streams(database, SCOPE, "g") == []
    assert count(database) == (90, 9)
    logs.put(database, SCOPE, ("g", "s0"), [(1, "new")])
    (stream,) = logs.streams(database, SCOPE, "g")
    assert [event.message for event in log_events.read(database, stream, Window())] == ["new"]
    assert log_sweep.sweep(database) == 80
    assert count(database) == (11, 2)
    assert [event.message for event in log_events.read(database, stream, Window())] == ["new"]


def test_a_sweep_that_was_cut_short_is_gone_on_with(database: Database) -> None:
    fill(database, "g", 3, 20)
    (stream, *_) = logs.streams(database, SCOPE, "g")
    logs.delete_stream(database, stream)
    logs.delete_stream(database, logs.streams(database, SCOPE, "g")[0])
    removed, rounds = 0, 0
    while count(database) != (20, 1):
        steps = iter([False, False])
        removed += log_sweep.sweep(database, lambda steps=steps: next(steps, True))  # type: ignore[misc]
        rounds += 1
    assert removed == 40
    assert rounds >= 3
    assert log_sweep.sweep(database) == 0


def test_a_deletion_that_was_cut_short_leaves_the_group_until_it_is_repeated(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, "g", 8, 1)
    mark, calls = logs._mark, iter([False, True])

    def dying(*arguments: object) -> None:
        if next(calls, False):
            raise KeyboardInterrupt
        mark(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(logs, "_mark", dying)
    with pytest.raises(KeyboardInterrupt):
        logs.delete_group(database, SCOPE, "g")
    assert logs.group_exists(database, SCOPE, "g")
    assert len(logs.streams(database, SCOPE, "g")) == 5
    logs.delete_group(database, SCOPE, "g")
    assert not logs.group_exists(database, SCOPE, "g")
    log_sweep.sweep(database)
    assert count(database) == (0, 0)


def test_a_slice_of_long_lines_is_short(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_sweep, "SLICE_BYTES", 30_000)
    logs.put(database, SCOPE, ("g", "s"), [(at, "x" * 10_000) for at in range(10)])
    logs.delete_group(database, SCOPE, "g")
    steps = iter([False])
    assert log_sweep.sweep(database, lambda: next(steps, True)) == 2
