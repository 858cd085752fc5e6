"""The log is brought into the file beside the writers, and by them where it grows too long."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from sagewright.store import checkpoints
from sagewright.store.database import Database


def rows_without_log(path: Path) -> int:
    """Content of the file itself, as read without the log."""
    with sqlite3.connect(f"file:{path}?immutable=1", uri=True) as connection:
        return int(connection.execute("SELECT count(*) FROM numbers").fetchone()[0])


def test_commits_reach_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "COMMITS", 10)
    path = tmp_path / "store.sqlite"
    database = Database(f"sqlite:///{path}")
    try:
        with database.write() as connection:
            connection.execute(text("CREATE TABLE numbers (n INTEGER)"))
        for number in range(40):
            with database.write(durable=number % 2 == 0) as connection:
                connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": number})
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                if rows_without_log(path) >= 30:
                    break
            except sqlite3.DatabaseError:  # the table is not there yet, or a checkpoint writes
                pass
            time.sleep(0.01)
        assert rows_without_log(path) >= 30
    finally:
        database.close()
    assert rows_without_log(path) == 40
