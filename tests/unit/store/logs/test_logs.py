"""Log streams keep their order; windows cut them from either end."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagewright.store.database import Database
from sagewright.store.logs import log_events, log_sweep, logs
from sagewright.store.logs.log_events import LogEvent, Position, Window
from sagewright.store.logs.logs import GroupQuery, LogScope, StreamQuery

SCOPE = LogScope("000000000000", "us-east-1")


def filled(database: Database, lines: int = 10) -> logs.LogStream:
    for first in range(0, lines, 3):
        logs.put(
            database, SCOPE, ("g", "s"), [(1000 + i // 2, f"line {i}") for i in range(first, min(first + 3, lines))]
        )
    stream = logs.find_stream(database, SCOPE, "g", "s")
    assert stream
    return stream


def messages(database: Database, stream: logs.LogStream, **window: int | bool) -> list[str]:
    return [event.message.removeprefix("line ") for event in log_events.read(database, stream, Window(**window))]  # type: ignore[arg-type]


def test_order_within_a_millisecond_is_the_order_of_arrival(database: Database) -> None:
    stream = filled(database)
    assert messages(database, stream) == [str(i) for i in range(10)]
    assert (stream.first_ms, stream.last_ms, stream.next_seq) == (1000, 1004, 10)


def test_windows(database: Database) -> None:
    stream = filled(database)
    assert messages(database, stream, from_seq=4, limit=3) == ["4", "5", "6"]
    assert messages(database, stream, before_seq=4, forward=False, limit=3) == ["1", "2", "3"]
    assert messages(database, stream, forward=False, limit=2) == ["8", "9"]
    assert messages(database, stream, start_ms=1003) == ["6", "7", "8", "9"]
    assert messages(database, stream, end_ms=1001) == ["0", "1"]


def test_several_streams_by_time(database: Database) -> None:
    logs.put(database, SCOPE, ("g", "a"), [(1, "a1"), (3, "a3")])
    logs.put(database, SCOPE, ("g", "b"), [(1, "b1"), (2, "b2\x00")])
    streams = logs.streams(database, SCOPE, "g")
    first = list(islice(log_events.merged(database, streams, Window(), None), 2))
    rest = list(log_events.merged(database, streams, Window(), position(first[-1])))
    assert [e.message for e in first + rest] == ["a1", "b1", "b2\ufffd", "a3"]


def position(event: LogEvent) -> Position:
    return event.at_ms, event.stream_id, event.seq


TIMES = st.lists(st.lists(st.integers(0, 12), max_size=12), min_size=1, max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(times=TIMES, start=st.integers(0, 12), length=st.integers(1, 13))
def test_streams_read_in_batches_are_read_in_order(
    database: Database, times: list[list[int]], start: int, length: int
) -> None:
    for number, of_stream in enumerate(times):
        for at_ms in of_stream:  # one transaction each: the order is that of arrival
            logs.put(database, SCOPE, ("g", f"s{number}"), [(at_ms, f"{number}")])
    streams = logs.streams(database, SCOPE, "g")
    window = Window(start, start + length)
    whole = [event for stream in streams for event in log_events.read(database, stream, Window())]
    expected = sorted((e for e in whole if start <= e.at_ms < start + length), key=position)
    assert list(log_events.merged(database, streams, window, None)) == expected
    for event in expected:
        rest = [other for other in expected if position(other) > position(event)]
        assert list(log_events.merged(database, streams, window, position(event))) == rest
    logs.delete_group(database, SCOPE, "g")
    log_sweep.sweep(database)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_events, "BATCH", (2, 3))


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("forward", [True, False])
def test_a_page_is_as_many_as_fit_and_read_in_batches(database: Database, forward: bool) -> None:
    stream = filled(database, 20)
    whole = messages(database, stream, forward=forward)
    assert whole == [str(number) for number in range(20)]
    fits = messages(database, stream, forward=forward, most_bytes=5 * 33)
    assert fits == (whole[:5] if forward else whole[-5:])
    assert messages(database, stream, forward=forward, most_bytes=1) == (whole[:1] if forward else whole[-1:])
    assert messages(database, stream, forward=forward, limit=7) == (whole[:7] if forward else whole[-7:])


def test_a_page_of_long_lines_does_not_read_the_others(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(40):
        logs.put(database, SCOPE, ("g", "s"), [(1, "x" * 200_000)])
    stream = logs.find_stream(database, SCOPE, "g", "s")
    assert stream
    read: list[int] = []
    fetched = log_events._fetched
    monkeypatch.setattr(log_events, "_fetched", lambda *a: read.append(len(rows := fetched(*a))) or rows)  # type: ignore[func-returns-value]
    assert len(log_events.read(database, stream, Window(most_bytes=1_000_000))) == 4
    assert sum(read) <= 20
    read.clear()
    assert len(list(islice(log_events.merged(database, [stream], Window(), None), 2))) == 2
    assert sum(read) <= 20


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("by_time", [True, False])
def test_streams_page_by_page(database: Database, by_time: bool, descending: bool) -> None:
    for number in range(11):
        logs.create_stream(database, SCOPE, "g", f"s{number:02}")
        if number % 3:
            logs.put(database, SCOPE, ("g", f"s{number:02}"), [(number // 4, "x")])
    whole = logs.streams(database, SCOPE, "g")
    whole.sort(key=lambda s: ((s.last_ms or 0) if by_time else 0, s.name), reverse=descending)
    pages: list[logs.LogStream] = []
    after = None
    while page := logs.page(
        database, SCOPE, "g", StreamQuery(by_time=by_time, descending=descending, limit=3, after=after)
    ):
        pages += page
        after = (page[-1].last_ms or 0, page[-1].name) if by_time else (page[-1].name,)
    assert pages == whole


def test_groups_page_by_page(database: Database) -> None:
    names = [f"/g{number:02}" for number in range(7)]
    for name in names:
        logs.create_group(database, SCOPE, name)
    first = logs.groups(database, SCOPE, GroupQuery(limit=3))
    rest = logs.groups(database, SCOPE, GroupQuery(limit=10, after=first[-1].name))
    assert [group.name for group in [*first, *rest]] == names


def test_groups_and_streams(database: Database) -> None:
    assert logs.create_group(database, SCOPE, "/x_y")
    assert not logs.create_group(database, SCOPE, "/x_y")
    assert logs.create_stream(database, SCOPE, "/x_y", "s_1")
    assert not logs.create_stream(database, SCOPE, "/x_y", "s_1")
    assert [s.name for s in logs.streams(database, SCOPE, "/x_y", "s_")] == ["s_1"]
    assert logs.streams(database, SCOPE, "/x_y", "sx") == []
    logs.set_retention(database, SCOPE, "/x_y", 7)
    logs.put(database, SCOPE, ("/x_y", "s_1"), [(1, "ab")])
    assert [
        (r.name, r.retention_days, int(r.stored_bytes)) for r in logs.groups(database, SCOPE, GroupQuery("/x"))
    ] == [("/x_y", 7, 28)]
    logs.delete_group(database, SCOPE, "/x_y")
    assert not logs.group_exists(database, SCOPE, "/x_y")
    assert logs.streams(database, SCOPE, "/x_y") == []
