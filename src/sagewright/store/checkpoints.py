"""Checkpoints SQLite's write-ahead log in a separate thread, so that no writer waits for it.

By default SQLite checkpoints within the commit that finds the log long, which takes about 10 ms and can block the event loop.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

log = logging.getLogger("sagewright.store.checkpoints")
COMMITS = 250
"""Number of commits between checkpoints."""

MOST_PAGES = 16_384
"""Pages of log (64 MB) after which its writer checkpoints after all: under steady load the thread never reaches the end."""


class Checkpointer:
    """Checkpoints the log. `committed` is called after each commit, by one thread at a time. The thread starts on first use."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._count = 0
        self._due, self._ended = threading.Event(), False
        self._thread: threading.Thread | None = None

    def committed(self) -> None:
        self._count += 1
        if self._count < COMMITS:
            return
        self._count = 0
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
            self._thread.start()
        self._due.set()

    def end(self) -> None:
        self._ended = True
        self._due.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        connection = self._connect()
        try:
            while self._due.wait() and not self._ended:
                self._due.clear()
                self._bring_in(connection)
        finally:
            connection.close()

    def _bring_in(self, connection: Connection) -> None:
        try:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").all()
        except DBAPIError as error:  # a full disk, for example: writers meet it too, and report it
            log.warning("the store's log could not be written into its file: %s", error.orig)
