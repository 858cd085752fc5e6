"""Records on their way to the store: each is one line of a file when its operation is answered, so a killed server loses none."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from sagewright.store.audit import AuditEntry

CURRENT = "current.jsonl"
QUIET_S = 60.0
log = logging.getLogger("sagewright.services.audit")


class AuditSpool:
    """The files of one server, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._descriptor: int | None = None
        self._number, self._complain_s = 0, 0.0

    def append(self, entry: AuditEntry) -> None:
        """Writes a line. On a full disk the record is lost, and the log says so once a minute: the operation has already
        happened."""
        line = orjson.dumps(entry.as_list()) + b"\n"
        try:
            with self._lock:
                if self._descriptor is None:
                    self._descriptor = self._opened()
                os.write(self._descriptor, line)
        except OSError as error:
            if time.monotonic() >= self._complain_s:
                self._complain_s = time.monotonic() + QUIET_S
                log.error("The audit trail lacks records since they can't be written: %s", error)

    def batches(self, size: int) -> Iterator[list[list[Any]]]:
        """Yields the written records, and removes them when the next batch is requested. One caller at a time."""
        self._close_current()
        for file in sorted(self._folder.glob("[0-9]*.jsonl")):
            with file.open("rb") as lines:
                batch: list[list[Any]] = []
                for line in lines:
                    if (entry := _read(line)) is not None:
                        batch.append(entry)
                    if len(batch) == size:
                        yield batch
                        batch = []
            if batch:
                yield batch
            file.unlink()

    def _opened(self) -> int:
        self._folder.mkdir(mode=0o700, exist_ok=True)  # no parents: a deleted data directory stays deleted
        return os.open(self._folder / CURRENT, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _close_current(self) -> None:
        with self._lock:
            if not (self._folder / CURRENT).exists():
                return
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
            self._number += 1
            (self._folder / CURRENT).rename(self._folder / f"{time.time_ns():020}-{self._number}.jsonl")


def _read(line: bytes) -> list[Any] | None:
    """Returns None for a line that a power failure tore."""
    try:
        values: list[Any] = orjson.loads(line)
    except ValueError:
        values = []
    if AuditEntry.is_list(values):
        return values
    log.warning("A record of the audit trail was torn: %d bytes", len(line))
    return None
