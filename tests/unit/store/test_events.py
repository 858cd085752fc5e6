"""The event log: nothing that is committed is missed, even when it is read while it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from sagewright.store import events
from sagewright.store.database import Database
from sagewright.store.events import EventCursor, EventEntry, EventSubject

START = EventCursor()


def entry(message: str) -> EventEntry:
    return EventEntry(1, "InProgress", "Starting", message, {"a": 1}, "arn:aws:iam::000000000000:user/a")


def append(database: Database, *messages: str) -> None:
    for message in messages:
        with database.write() as connection:
            events.append(connection, EventSubject("training", message), entry(message))


def messages(database: Database, cursor: EventCursor = START, limit: int = 100) -> list[str]:
    return [one.entry.message for one in events.after(database, cursor, limit)]


def test_entries_are_read_in_pages_and_whole(database: Database) -> None:
    append(database, "a", "b", "c")
    first = events.after(database, START, 2)
    assert [(one.subject, one.entry) for one in first] == [(EventSubject("training", m), entry(m)) for m in ("a", "b")]
    assert messages(database, first[-1].cursor) == ["c"]
    assert events.of(database, "b") == [entry("b")]


def test_kinds_are_those_of_the_entries_after_the_cursor(database: Database) -> None:
    append(database, "a", "b")
    with database.write() as connection:
        events.append(connection, EventSubject("endpoint", "e"), entry("c"))
    whole = events.after(database, START, 10)
    assert events.kinds_after(database, START, 2) == (frozenset({"training"}), whole[1].cursor)
    assert events.kinds_after(database, whole[1].cursor, 2) == (frozenset({"endpoint"}), whole[2].cursor)
    assert events.kinds_after(database, whole[2].cursor, 2) == (frozenset(), whole[2].cursor)


def test_the_log_is_read_from_the_cursor_and_not_from_its_start(tmp_path: Path) -> None:
    """SQLite counts the steps of its program: those of a whole log would be thousands."""
    database = Database(f"sqlite:///{tmp_path}/s")
    with database.write() as connection:
        for number in range(3000):
            events.append(connection, EventSubject("training", str(number)), entry("m"))
    last, steps = events.last(database), 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with database.read() as connection:
        connection.connection.driver_connection.set_progress_handler(step, 10)  # type: ignore[union-attr]
    assert events.after(database, last, 100) == []
    assert steps < 100
    database.close()


def test_a_removed_subject_leaves_no_entry(database: Database) -> None:
    append(database, "a", "b")
    with database.write() as connection:
        events.remove(connection, "a")
    assert messages(database) == ["b"]


def test_who_has_read_a_removed_subject_misses_nothing_after_it(database: Database) -> None:
    """SQLite gives the highest number again once its row is gone."""
    append(database, "a", "b")
    cursor = events.after(database, START, 10)[-1].cursor
    for removed, following in (("b", "c"), ("c", "d"), ("a", "e")):
        with database.write() as connection:
            events.remove(connection, removed)
        append(database, following)
        fresh = [one for one in events.after(database, cursor, 10) if one.subject.kind]
        assert [one.entry.message for one in fresh] == [following]
        cursor = fresh[-1].cursor
    assert messages(database) == ["d", "e"]


def test_nothing_of_a_removed_subject_is_left_at_the_end_of_the_log(database: Database) -> None:
    append(database, "a", "b")
    with database.write() as connection:
        events.remove(connection, "b")
        events.remove(connection, "a")
    left = events.after(database, START, 10)
    assert [(one.subject, one.entry.message, one.entry.detail) for one in left] == [(EventSubject("", ""), "", None)]


@pytest.mark.parametrize("begun_first", [True, False])
def test_an_entry_of_an_open_transaction_is_not_passed_by(request: pytest.FixtureRequest, begun_first: bool) -> None:
    """On PostgreSQL, where transactions end in any order: SQLite has one writer at a time."""
    database = Database(request.getfixturevalue("postgres").new_database())
    with database.engine.connect() as slow, database.engine.connect() as quick:
        for connection in (slow, quick) if begun_first else (quick, slow):
            connection.exec_driver_sql("SELECT pg_current_xact_id()")
        events.append(slow, EventSubject("training", "slow"), entry("slow"))
        events.append(quick, EventSubject("training", "quick"), entry("quick"))
        quick.commit()
        before = events.after(database, START, 10)
        slow.commit()
    cursor = before[-1].cursor if before else START
    seen = [one.entry.message for one in before] + messages(database, cursor)
    assert sorted(seen) == ["quick", "slow"]
    database.close()


def test_who_begins_at_the_end_passes_no_entry_of_an_open_transaction(request: pytest.FixtureRequest) -> None:
    database = Database(request.getfixturevalue("postgres").new_database())
    append(database, "before")
    with database.engine.connect() as slow:
        slow.exec_driver_sql("SELECT pg_current_xact_id()")  # begins a transaction
        events.append(slow, EventSubject("training", "slow"), entry("slow"))
        append(database, "quick")
        cursor = events.last(database)
        slow.commit()
    assert messages(database, cursor) == ["slow", "quick"]
    assert messages(database, events.last(database)) == []
    database.close()


def test_the_end_of_a_long_log_is_found_by_an_index(database: Database) -> None:
    append(database, *map(str, range(30)))
    asked: list[tuple[str, Any]] = []
    event.listen(database.engine, "before_cursor_execute", lambda *found: asked.append((found[2], found[3])))
    assert messages(database, events.last(database)) == []
    statement, values = asked[0]
    with database.engine.connect() as connection:
        if database.embedded:
            found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
        else:
            connection.exec_driver_sql("SET enable_seqscan = off")  # a short table needs no index
            found = connection.exec_driver_sql(f"EXPLAIN {statement}", values).all()
    plan = str(found)
    assert "ix_events_writer" in plan
    assert "TEMP B-TREE" not in plan and "Sort" not in plan


def test_what_was_before_an_entry_is_known_by_its_place(database: Database) -> None:
    """Two entries of one millisecond may be equal: the second one of these changed nothing."""
    with database.write() as connection:
        for subject, message in (("a", "was"), ("b", "other"), ("a", "is"), ("a", "is")):
            events.append(connection, EventSubject("endpoint", subject), entry(message))
    found = [events.before(database, one) for one in events.after(database, START, 10)]
    assert found == [None, None, entry("was"), entry("is")]
