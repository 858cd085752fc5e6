"""Small bodies: stored in the store next to the row of their object, so that one sync makes both durable, and no file is needed.

Their ids begin with `s`, which no other blob's does. Users that need a file (a channel links it) get one from `show`: an expendable
copy. Copies are not synced, so they are only trusted until the machine reboots: each boot has a separate folder.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import Connection

from sagewright.store.database import Database
from sagewright.store.objects import small_blobs as rows

MOST = 16 * 1024
"""Maximum size in bytes of a small body: beyond, writing everything twice, as SQLite does, costs more than a file."""

AT_ONCE = 200
"""Number removed in one transaction: other writers wait for it."""

REMEMBERED = 16 * 1024 * 1024
_MARK = "s"


def is_small(blob: str) -> bool:
    return blob.startswith(_MARK)


class SmallBlobs:
    """Small blobs, immutable like all blobs. Thread-safe; recently used ones are cached in memory."""

    def __init__(self, store: Database, root: Path) -> None:
        self._store = store
        self._shown = root / "shown"
        self._boot = self._shown / _boot_id()
        self._recent: dict[str, bytes] = {}
        self._size = 0
        self._lock = threading.Lock()

    @staticmethod
    def new_id() -> str:
        """Returns a random id that sorts by time: neighbours in time are neighbours in the index, and share its pages."""
        return f"{_MARK}{time.time_ns() // 1000:014x}{random.getrandbits(72):018x}"

    def add(self, connection: Connection, blob: str, data: bytes) -> None:
        """Adds a blob in the transaction that refers to it."""
        rows.add(connection, blob, data)

    def remember(self, blob: str, data: bytes) -> None:
        with self._lock:
            if blob in self._recent:
                return
            self._recent[blob] = data
            self._size += len(data)
            while self._size > REMEMBERED:
                self._size -= len(self._recent.pop(next(iter(self._recent))))

    def read(self, blob: str) -> bytes:
        """Raises FileNotFoundError."""
        data = self._recent.get(blob)
        if data is None:
            with self._store.read() as connection:
                data = rows.read(connection, blob)
            if data is None:
                raise FileNotFoundError(blob)
            self.remember(blob, data)
        return data

    def remove(self, blobs: Sequence[str]) -> None:
        """Removes blobs that no committed row refers to any more."""
        for start in range(0, len(blobs), AT_ONCE):
            with self._store.write() as connection:
                rows.remove(connection, blobs[start : start + AT_ONCE])
        with self._lock:
            for blob in blobs:
                self._size -= len(self._recent.pop(blob, b""))
        for blob in blobs:
            self._file(blob).unlink(missing_ok=True)

    def unneeded(self) -> list[str]:
        """Returns the blobs that a killed process still had to remove."""
        with self._store.read() as connection:
            return rows.unneeded(connection)

    def show(self, blobs: Iterable[str]) -> None:
        """Writes each blob to its `shown` file. Raises OSError; skips blobs deleted meanwhile."""
        missing = [blob for blob in blobs if not self._file(blob).exists()]
        if not missing:
            return
        self._boot.mkdir(parents=True, exist_ok=True)
        with self._store.read() as connection:
            for blob, data in rows.read_many(connection, missing):
                own = f"{self._boot}/{blob}.{uuid.uuid4().hex}"
                try:
                    with open(own, "xb", opener=_private) as file:
                        file.write(data)
                    os.rename(own, f"{self._boot}/{blob}")  # noqa: PTH104
                except BaseException:
                    Path(own).unlink(missing_ok=True)
                    raise

    def shown(self, blob: str) -> str:
        """Returns the file of a blob after `show`."""
        return str(self._file(blob))

    def _file(self, blob: str) -> Path:
        return self._boot / blob

    def tidy(self) -> None:
        """Removes the files of earlier boots, and those of deleted blobs."""
        if not self._shown.exists():
            return
        for folder in self._shown.iterdir():
            if folder != self._boot:
                shutil.rmtree(folder, ignore_errors=True)
        if self._boot.exists():
            files = {file: file.name.partition(".")[0] for file in self._boot.iterdir()}
            with self._store.read() as connection:
                there = rows.there(connection, set(files.values()))
            for file, blob in files.items():
                if blob not in there:
                    file.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o640)


def _boot_id() -> str:
    """Returns the id of this boot of the machine; if unknown, one of this process."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return uuid.uuid4().hex
