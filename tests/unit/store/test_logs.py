"""Log streams keep their order; windows cut them from either end."""

from __future__ import annotations

from sagewright.store import logs
from sagewright.store.database import Database
from sagewright.store.logs import Place, Window

PLACE = Place("000000000000", "us-east-1")


def filled(database: Database, lines: int = 10) -> logs.Stream:
    for first in range(0, lines, 3):
        logs.put(
            database, PLACE, ("g", "s"), [(1000 + i // 2, f"line {i}") for i in range(first, min(first + 3, lines))]
        )
    stream = logs.find_stream(database, PLACE, "g", "s")
    assert stream
    return stream


def messages(database: Database, stream: logs.Stream, **window: int | bool) -> list[str]:
    return [event.message.removeprefix("line ") for event in logs.read(database, stream, Window(**window))]  # type: ignore[arg-type]


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
    logs.put(database, PLACE, ("g", "a"), [(1, "a1"), (3, "a3")])
    logs.put(database, PLACE, ("g", "b"), [(1, "b1"), (2, "b2\x00")])
    streams = logs.streams(database, PLACE, "g")
    ids = [s.id for s in streams]
    first = logs.merged(database, ids, Window(limit=2), None)
    last = first[-1]
    rest = logs.merged(database, ids, Window(), (last.at_ms, last.stream_id, last.seq))
    assert [e.message for e in first + rest] == ["a1", "b1", "b2\ufffd", "a3"]


def test_groups_and_streams(database: Database) -> None:
    assert logs.create_group(database, PLACE, "/x_y")
    assert not logs.create_group(database, PLACE, "/x_y")
    assert logs.create_stream(database, PLACE, "/x_y", "s_1")
    assert not logs.create_stream(database, PLACE, "/x_y", "s_1")
    assert [s.name for s in logs.streams(database, PLACE, "/x_y", "s_")] == ["s_1"]
    assert logs.streams(database, PLACE, "/x_y", "sx") == []
    logs.set_retention(database, PLACE, "/x_y", 7)
    logs.put(database, PLACE, ("/x_y", "s_1"), [(1, "ab")])
    assert [(r.name, r.retention_days, int(r.stored_bytes)) for r in logs.groups(database, PLACE, "/x")] == [
        ("/x_y", 7, 28)
    ]
    logs.delete_group(database, PLACE, "/x_y")
    assert not logs.group_exists(database, PLACE, "/x_y")
    assert logs.streams(database, PLACE, "/x_y") == []
