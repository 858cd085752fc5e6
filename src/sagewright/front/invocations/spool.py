"""Captured records on disk between the front and the server, so that a crash of either loses none.

The front appends a record before it answers the request, to a segment that it keeps locked; every half second it closes the
segment. The server writes closed segments, and those of crashed fronts, to S3 under names derived from the segment's: after a crash
in between, the same objects are written again.
"""

from __future__ import annotations

import fcntl
import io
import logging
import os
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from sagewright.model.clock import now_ms

SEGMENT_BYTES = 8 << 20
MOST_BYTES = 1 << 30
"""Maximum size of all segments together; further records are dropped."""
_NEW, _OPEN, _CLOSED = ".new", ".part", ".lines"
_NAMESPACE = uuid.UUID("6f3c1a52-0d0e-4a44-9a3b-0c8a5c5d6f10")
log = logging.getLogger("sagewright.front.invocations.spool")


@dataclass(frozen=True)
class CaptureTarget:
    """Destination of records: the capture's S3 URI, and the names that its keys begin with."""

    destination: str
    endpoint: str
    variant: str


class CaptureSpool:
    """The front's side. `keep` and `close_segment` raise OSError if the disk fails."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._most = folder, most_bytes
        self._file: io.FileIO | None = None
        self._path = folder
        self._written = self._number = 0
        self._before = _size_of(folder)

    def keep(self, target: CaptureTarget, record: bytes) -> bool:
        """Returns False if the spool is full and the record was dropped."""
        size = len(record)
        if self._before + self._written + size > self._most:
            self._before = _size_of(self._folder) - self._written
            if self._before + self._written + size > self._most:
                return False
        head = orjson.dumps([target.destination, target.endpoint, target.variant, size])
        file = self._file or self._opened()
        begin = self._written
        data = b"%b\n%b\n" % (head, record)
        try:
            self._written += _write_all(file, data)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file.fileno(), begin)
                os.lseek(file.fileno(), begin, os.SEEK_SET)
            self._written = begin
            raise
        if self._written > SEGMENT_BYTES:
            self.close_segment()
        return True

    def close_segment(self) -> bool:
        """Returns True if a segment was closed for the server."""
        if self._file is None:
            return False
        self._path.rename(self._path.with_suffix(_CLOSED))
        self._file.close()
        self._file, self._before, self._written = None, self._before + self._written, 0
        return True

    def _opened(self) -> io.FileIO:
        self._number += 1
        name = f"{now_ms():013d}-{os.getpid()}-{self._number}"
        path = self._folder / f"{name}{_NEW}"
        file = path.open("xb", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX)
        self._path = path.rename(path.with_suffix(_OPEN))
        self._file = file
        return file


@dataclass(frozen=True)
class Segment:
    """A closed segment."""

    path: Path

    @property
    def made(self) -> datetime:
        return datetime.fromtimestamp(int(self.path.name.partition("-")[0]) / 1000, UTC)

    def records(self) -> dict[CaptureTarget, list[bytes]]:
        """Returns the records by target. Raises OSError. Skips a record that a killed front left unfinished: its request was not
        answered."""
        found: dict[CaptureTarget, list[bytes]] = defaultdict(list)
        with self.path.open("rb") as file:
            while head := file.readline():
                try:
                    *names, size = orjson.loads(head)
                    target = CaptureTarget(*names)
                except (ValueError, TypeError):
                    break
                record = file.read(size + 1)
                if len(record) != size + 1 or not record.endswith(b"\n"):
                    break
                found[target].append(record[:-1])
        return found

    def name_for(self, target: CaptureTarget) -> str:
        """Returns the last part of an object's key, which is deterministic.

        Source: AWS's developer guide, "Capture data from real-time endpoint".
        """
        seed = f"{self.path.stem}/{target.destination}/{target.endpoint}/{target.variant}"
        unique = uuid.uuid5(_NAMESPACE, seed)
        return f"{self.made:%M-%S}-{self.made.microsecond // 1000:03d}-{unique}.jsonl"

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def segments(folder: Path) -> Iterator[Segment]:
    """Yields closed segments, oldest first, and those that a killed front left."""
    with suppress(FileNotFoundError):
        for path in sorted(folder.iterdir()):
            if path.suffix == _CLOSED or (path.suffix == _OPEN and _is_abandoned(path)):
                yield Segment(path)
            elif path.suffix == _NEW and _is_older(path, 60.0):
                path.unlink(missing_ok=True)


def _is_abandoned(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return path.exists()  # a running front may just have closed it, which renames it


def _is_older(path: Path, seconds: float) -> bool:
    with suppress(OSError):
        return time.time() - path.stat().st_mtime > seconds
    return False


def _size_of(folder: Path) -> int:
    total = 0
    with suppress(OSError):
        for entry in os.scandir(folder):
            with suppress(OSError):
                total += entry.stat().st_size
    return total


def _write_all(file: io.FileIO, data: bytes) -> int:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
    return len(data)
