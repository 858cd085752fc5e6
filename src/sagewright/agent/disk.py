"""The machine's disk, which the agent fills with archives, parts, copies and downloads."""

from __future__ import annotations

import errno
import io
import threading
from pathlib import Path
from typing import BinaryIO

from sagewright.model.disk_room import HOST_MB, DiskRoom, spare

FULL = "Insufficient disk space"
_LOOK_BYTES = 8 << 20
GIB = 1 << 30


class DiskFull(OSError):
    """More writing would use the reserve; `str()` is for a FailureReason."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.ENOSPC, f"{FULL}: {reason}")

    def __str__(self) -> str:
        return str(self.strerror)


class Disk:
    """The disk of a directory. Safe to use from many threads: all writers of one agent share it.

    `stop_mb`: space that hosts leave free (see model.disk_room).
    """

    def __init__(self, directory: Path, stop_mb: int = HOST_MB) -> None:
        self._directory, self._stop_mb = directory, stop_mb
        self._lock = threading.Lock()
        self._unseen = _LOOK_BYTES  # bytes written since the last check

    def free(self) -> int:
        """Returns the bytes that may be written, excluding the reserve; can be negative."""
        return spare(self._directory, self._stop_mb)

    def total(self) -> int:
        return DiskRoom.of(self._directory).total

    def spend(self, size: int) -> None:
        """Admits a write of `size` bytes, checking the disk periodically. Raises DiskFull."""
        with self._lock:
            self._unseen += size
            if self._unseen < _LOOK_BYTES:
                return
            self._unseen = 0
        if self.free() < size:
            raise DiskFull(shortage(self._directory, self._stop_mb))


class SpendingFile(io.RawIOBase):
    """Writes to a file as long as the disk has room. Raises DiskFull."""

    def __init__(self, file: BinaryIO, disk: Disk) -> None:
        super().__init__()
        self._file, self._disk = file, disk

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        self._disk.spend(len(data))
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()


def shortage(directory: Path, stop_mb: int) -> str:
    """Returns a FailureReason: which disk, how much is left of it, and how much is required."""
    room = DiskRoom.of(directory)
    return (
        f"the disk of {directory} has {room.free} bytes free, and below {room.host_floor(stop_mb)} hosts that write are ended "
        "(setting disk_stop_mb)."
    )


def gib(size: int) -> str:
    return f"{max(0, size) / GIB:.1f} GiB"
