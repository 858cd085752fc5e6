"""Reports that wait to be sent, in a file, so that a long absence of the server costs disk and not memory."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

_SHIFT_BYTES = 8 << 20  # so much that was sent is cut off, once it is more than what waits
_LENGTH = struct.Struct("<I")


class Spool:
    """A queue of reports, oldest first. Not safe for many threads; the reporter holds its lock."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._read = 0
        self._write = 0
        self._head: bytes | None = None

    def __len__(self) -> int:
        """Bytes that wait."""
        return self._write - self._read

    def append(self, report: dict[str, Any]) -> None:
        data = json.dumps(report).encode()
        self._file.seek(self._write)
        self._file.write(_LENGTH.pack(len(data)) + data)
        self._file.flush()
        self._write += _LENGTH.size + len(data)

    def head(self) -> bytes | None:
        """The oldest report as JSON; None if there is none."""
        if self._head is None and self._read < self._write:
            self._file.seek(self._read)
            (length,) = _LENGTH.unpack(self._file.read(_LENGTH.size))
            self._head = self._file.read(length)
        return self._head

    def drop_head(self) -> None:
        """Forget the oldest report: it was taken in."""
        if self._head is None:
            return
        self._read += _LENGTH.size + len(self._head)
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
