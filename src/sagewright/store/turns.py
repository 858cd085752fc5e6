"""The right to do work that one thread of all servers does at a time, such as following the event log."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from weakref import WeakKeyDictionary

from sqlalchemy import func, select

from sagewright.store.database import Database


class Turn(IntEnum):
    """Kinds of such work. The number is the key of a PostgreSQL advisory lock."""

    INDEX = 0x5A6E_1DE0
    LINEAGE = 0x5A6E_1DE1


_locks: WeakKeyDictionary[Database, dict[Turn, threading.Lock]] = WeakKeyDictionary()
_locks_lock = threading.Lock()


@contextmanager
def turn(store: Database, kind: Turn, wait_s: float = -1) -> Iterator[bool]:
    """Yields True if it acquired the turn. Waits up to `wait_s` for threads of this process, forever without it, and never for
    another server. A killed server's turn ends with its connection."""
    with _locks_lock:
        lock = _locks.setdefault(store, defaultdict(threading.Lock))[kind]
    if not lock.acquire(timeout=wait_s):
        yield False
        return
    try:
        if store.embedded:
            yield True
            return
        with store.engine.begin() as connection:
            yield bool(connection.execute(select(func.pg_try_advisory_xact_lock(int(kind)))).scalar())
    finally:
        lock.release()
