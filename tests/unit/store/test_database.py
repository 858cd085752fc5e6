"""The store's transactions, on either database."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from sagewright.store import database as module
from sagewright.store.database import Database
from sagewright.store.resources import tags


def test_the_version_tells_that_something_was_kept(database: Database) -> None:
    """Where others may write it tells nothing, so that nobody relies on it."""
    before = database.version
    if not database.embedded:
        assert before is None
        return
    with pytest.raises(ZeroDivisionError), database.write():
        raise ZeroDivisionError
    with database.read() as connection:
        connection.execute(text("SELECT 1"))
    assert database.version == before
    with database.write() as connection:
        connection.execute(text("DELETE FROM jobs"))
    assert database.version != before


def test_writers_share_a_connection_that_readers_do_not_see_into(tmp_path: Path) -> None:
    """SQLite: what a transaction has written is seen by its own thread alone, also where that reads."""
    store = Database(f"sqlite:///{tmp_path / 's'}")
    seen: list[dict[str, str]] = []
    with store.write() as connection:
        tags.add_in(connection, "arn", {"a": "1"})
        assert tags.of(store, "arn") == {"a": "1"}
        other = threading.Thread(target=lambda: seen.append(tags.of(store, "arn")))
        other.start()
        other.join()
        with store.read() as own:
            assert own is connection
    assert seen == [{}]
    with pytest.raises(RuntimeError), store.write() as connection:
        tags.add_in(connection, "arn", {"b": "2"})
        raise RuntimeError
    writers: list[object] = []

    def write() -> None:
        with store.write() as connection:
            writers.append(connection)

    for thread in [threading.Thread(target=write) for _ in range(3)]:
        thread.start()
        thread.join()
    assert tags.of(store, "arn") == {"a": "1"}
    assert len(set(map(id, writers))) == 1
    store.close()


def test_a_transaction_that_cannot_be_undone_ends_with_its_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Database(f"sqlite:///{tmp_path / 's'}")
    undo = module._roll_back

    def fail(connection: Connection) -> None:
        monkeypatch.setattr(module, "_roll_back", undo)
        raise OperationalError("ROLLBACK", None, sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(module, "_roll_back", fail)
    with pytest.raises(OperationalError), store.write() as connection:
        tags.add_in(connection, "arn", {"a": "1"})
        raise RuntimeError
    assert tags.of(store, "arn") == {}
    tags.add(store, "arn", {"b": "2"})
    assert tags.of(store, "arn") == {"b": "2"}
    store.close()
