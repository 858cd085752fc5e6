"""Flushes SQLite's write-ahead log to the disk, with one fsync for all waiting threads."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path


class LogFlusher:
    """Transactions are committed without waiting for the disk; a caller that needs its own on the disk calls `flush` afterwards.

    A frame of the log is either in the file that is synced here, or SQLite has moved it to the database and synced that before it
    reused the log's space. So a commit before `flush` is on the disk after it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Condition()
        self._begun = self._done = 0
        self._running = False

    def flush(self) -> None:
        """Returns once a sync that began after this call has ended. Raises OSError if the disk fails."""
        with self._turn:
            wanted = self._begun + 1
            while self._running and self._done < wanted:
                self._turn.wait()
            if self._done >= wanted:
                return
            self._running, self._begun = True, self._begun + 1
            mine = self._begun
        synced = False
        try:
            self._sync()
            synced = True
        finally:
            with self._turn:
                self._running = False
                if synced:
                    self._done = mine
                self._turn.notify_all()

    def _sync(self) -> None:
        with suppress(FileNotFoundError):  # the log was checkpointed and removed
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fdatasync(file)
            finally:
                os.close(file)
