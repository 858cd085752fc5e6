"""Reports that wait to be sent, in a file, so that a long absence of the server costs disk and not memory."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import orjson

_SHIFT_BYTES = 8 << 20  # so much that was sent is cut off, once it is more than what waits
_LENGTH = struct.Struct("<I")


class Spool:
    """A queue of reports, oldest first. Not safe for many threads; the reporter holds its lock."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._read = 0
        self._write = 0
        self._head: bytes | None = None
        self._head_size = 0

    def __len__(self) -> int:
        """Bytes that wait."""
        return self._write - self._read

    def append(self, report: dict[str, Any]) -> None:
        data = encoded(report)
        self._file.seek(self._write)
        self._file.write(_LENGTH.pack(len(data)) + data)
        self._file.flush()
        self._write += _LENGTH.size + len(data)

    def head(self) -> bytes | None:
        """The oldest report as JSON; None if there is none."""
        if self._head is None and self._read < self._write:
            self._file.seek(self._read)
            (length,) = _LENGTH.unpack(self._file.read(_LENGTH.size))
            self._head, self._head_size = self._file.read(length), length
        return self._head

    def replace_head(self, report: dict[str, Any]) -> None:
        """Give this report in place of the oldest one, which the server does not take."""
        if self._head is not None:
            self._head = encoded(report)

    def drop_head(self) -> None:
        """Forget the oldest report: it was taken in."""
        if self._head is None:
            return
        self._read += _LENGTH.size + self._head_size
        self._head = None
        if self._read == self._write:
            self._read = self._write = 0
            self._file.truncate(0)
        elif self._read > max(_SHIFT_BYTES, len(self)):
            self._shift()

    def _shift(self) -> None:
        """Move what waits to the beginning: the file stays about as small as that."""
        self._file.seek(self._read)
        rest = self._file.read(len(self))
        self._file.seek(0)
        self._file.write(rest)
        self._file.truncate(len(rest))
        self._file.flush()
        self._read, self._write = 0, len(rest)

    def close(self) -> None:
        self._file.close()


def encoded(report: dict[str, Any]) -> bytes:
    """JSON that every parser takes, whatever the report holds: half of a surrogate pair becomes `?`, say."""
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
