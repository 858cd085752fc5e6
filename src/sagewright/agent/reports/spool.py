"""Reports that wait to be sent, in a file, so that a long absence of the server costs disk instead of memory.

On an almost full disk they wait in memory, up to a few megabytes; of later reports, everything but log lines and metrics is kept.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from sagewright.model.disk_room import HOST_MB, DiskRoom
from sagewright.model.jobs.left_reports import LENGTH

_SHIFT_BYTES = 8 << 20  # sent data is cut off in units of this size, once it exceeds the waiting data
_MOST_IN_MEMORY = 4 << 20
_SPARED = ("logs", "metrics")


class ReportSpool:
    """A queue of reports, oldest first. Not thread-safe; the reporter has its lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w+b", buffering=0)
        self._memory: deque[bytes] = deque()  # follows everything in the file
        self._in_memory = 0
        self._read = 0
        self._write = 0
        self._head: bytes | None = None
        self._head_size = 0

    def __len__(self) -> int:
        """Returns the number of waiting bytes."""
        return self._write - self._read + self._in_memory

    @property
    def choked(self) -> bool:
        """True if the disk accepts no more, and memory hardly any."""
        return self._in_memory >= _MOST_IN_MEMORY

    def append(self, report: dict[str, Any]) -> None:
        """Appends a report. Never raises: on a full disk the report is kept in memory."""
        data = encoded(report)
        if self._memory or not self._written(LENGTH.pack(len(data)) + data):
            if self.choked:
                data = encoded({name: value for name, value in report.items() if name not in _SPARED})
            self._memory.append(data)
            self._in_memory += len(data)

    def _written(self, data: bytes) -> bool:
        try:
            room = DiskRoom.of(self._path.parent)
            if room.free < room.host_floor(HOST_MB) // 2:  # reserved for ends and deletions
                return False
            self._put(self._write, data)
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._write)
            return False
        self._write += len(data)
        return True

    def _put(self, place: int, data: bytes) -> None:
        self._file.seek(place)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def head(self) -> bytes | None:
        """Returns the oldest report as JSON; None if there is none."""
        if self._head is None and self._read < self._write:
            self._file.seek(self._read)
            (length,) = LENGTH.unpack(self._file.read(LENGTH.size))
            self._head, self._head_size = self._file.read(length), length
        elif self._head is None and self._memory:
            self._head, self._head_size = self._memory[0], 0
        return self._head

    def replace_head(self, report: dict[str, Any]) -> None:
        """Replaces the oldest report, which the server rejects."""
        if self._head is not None:
            self._head = encoded(report)

    def drop_head(self) -> None:
        """Drops the oldest report, which was accepted."""
        if self._head is None:
            return
        self._head = None
        if not self._head_size:
            self._in_memory -= len(self._memory.popleft())
            return
        self._read += LENGTH.size + self._head_size
        if self._read == self._write:
            self._read = self._write = 0
            self._file.truncate(0)
        elif self._read > max(_SHIFT_BYTES, len(self)):
            self._shift()

    def _shift(self) -> None:
        """Moves waiting reports to the beginning, which keeps the file about as small as they are."""
        self._file.seek(self._read)
        rest = self._file.read(len(self))
        self._put(0, rest)
        self._file.truncate(len(rest))
        self._read, self._write = 0, len(rest)

    def close(self) -> None:
        """Closes the spool; pending reports stay in the file if the disk accepts them."""
        with suppress(OSError):
            for data in self._memory:
                self._put(self._write, LENGTH.pack(len(data)) + data)
                self._write += LENGTH.size + len(data)
        self._file.close()


def encoded(report: dict[str, Any]) -> bytes:
    """Returns JSON that every parser accepts, whatever the report contains: an unpaired surrogate becomes `?`, for example."""
    try:
        return orjson.dumps(report)
    except TypeError:
        return orjson.dumps(_plain(report))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_plain(str(name)): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or (isinstance(value, int) and abs(value) < 1 << 63):
        return value
    return _plain(repr(value))
