"""A job's rows, written by SQLite alone: the floor of a Create with all that follows from it.

The store is copied before and after jobs are created. What was added is inserted into the first copy, in one transaction a job,
with the store's own indexes and settings, but without anything that computes the rows.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sagewright.store.database import MOST_PAGES

QUEUE = "index_queue"
"""Rows here are gone once the index has caught up."""
CAUGHT_UP_S = 60.0


def cpu_ms(store: Path, create: Callable[[], None], jobs: int, directory: Path) -> tuple[float, float]:
    """Returns CPU milliseconds and rows a job. `create` makes so many jobs and returns once they have ended."""
    wait_for_index(store)
    before, after = directory / "before.sqlite", directory / "after.sqlite"
    _copy(store, before)
    create()
    wait_for_index(store)
    _copy(store, after)
    with closing(_opened(before)) as connection:
        connection.execute("ATTACH DATABASE ? AS later", [str(after)])
        added = _added(connection)
        connection.execute("DETACH DATABASE later")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        begin = time.process_time()
        for job in range(jobs):
            connection.execute("BEGIN IMMEDIATE")
            for statement, rows in added:
                connection.executemany(statement, rows[job * len(rows) // jobs : (job + 1) * len(rows) // jobs])
            connection.execute("COMMIT")
        seconds = time.process_time() - begin
    return 1000 * seconds / jobs, sum(len(rows) for _, rows in added) / jobs


def wait_for_index(store: Path) -> None:
    """Until the index of Search has caught up."""
    deadline = time.monotonic() + CAUGHT_UP_S
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        while connection.execute(f"SELECT count(*) FROM {QUEUE}").fetchone()[0]:
            if time.monotonic() > deadline:
                raise RuntimeError("the index does not catch up")
            time.sleep(0.1)


def _copy(store: Path, to: Path) -> None:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as one, closing(sqlite3.connect(to)) as other:
        one.backup(other)


def _opened(store: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA cache_size=-16384")
    connection.execute(f"PRAGMA wal_autocheckpoint={MOST_PAGES}")
    return connection


def _added(connection: sqlite3.Connection) -> list[tuple[str, list[tuple[object, ...]]]]:
    """Returns, for each table, a statement and the rows that were added or changed."""
    found = []
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    for (name,) in names.fetchall():
        rows = connection.execute(f'SELECT * FROM later."{name}" EXCEPT SELECT * FROM main."{name}"').fetchall()
        if rows and name != QUEUE:
            marks = ", ".join("?" * len(rows[0]))
            found.append((f'INSERT OR REPLACE INTO "{name}" VALUES ({marks})', rows))
    return found
