"""A file that reserves disk space for the store on a disk that others fill.

When the disk is full the file is removed: the store can then be opened, and deletions have room for their rows. While it is
removed, nothing else is written for clients. It is created again once there is room.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from sagewright.model.disk_room import MIB, DiskRoom

_FILE = "ballast"
_MOST_BYTES, _SHARE = 16 * MIB, 64
_LOOK_S = 0.2
_ROOMY = 4
"""Free space required to create the ballast, in multiples of its size."""


class Ballast:
    """The ballast of one data directory. Safe to use from many threads."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._path = directory, directory / _FILE
        self._lock = threading.Lock()
        self._out = self._short = False
        self._due = 0.0

    @property
    def tight(self) -> bool:
        """True if only deletions and ends may be written: the ballast is removed, or no more than its size is free."""
        now = time.monotonic()
        if self._out or self._short or now >= self._due:
            self._due = now + _LOOK_S
            if self._out:
                self.keep()
            with suppress(OSError):
                room = DiskRoom.of(self._directory)
                self._short = room.free < _size(room)
        return self._out or self._short

    def release(self) -> bool:
        """Removes the ballast; returns True if that freed space."""
        with self._lock:
            self._out = True
            try:
                self._path.unlink()
            except OSError:
                return False
            return True

    def release_if_short(self) -> None:
        """Removes the ballast if the store has less free space than its size."""
        with suppress(OSError):
            room = DiskRoom.of(self._directory)
            if room.free < _size(room) and self._path.exists():
                self.release()
            self._out = room.free < _ROOMY * _size(room) and not self._path.exists()

    def keep(self) -> None:
        """Creates the ballast if there is room, otherwise checks whether it is needed. Call it periodically; never raises."""
        with suppress(OSError), self._lock:
            room = DiskRoom.of(self._directory)
            size = _size(room)
            there = self._path.stat().st_size if self._path.exists() else 0
            if room.free >= _ROOMY * size and there < size:
                self._make(size)
                there = size
            if there or room.free >= _ROOMY * size:
                self._out = False

    def _make(self, size: int) -> None:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, size)
        except OSError:
            self._path.unlink(missing_ok=True)
            raise
        finally:
            os.close(file)

    def shortage(self) -> str:
        """Returns the message for clients while it is `tight`."""
        room = DiskRoom.of(self._directory)
        return (
            f"The disk of {self._directory} has {room.free} bytes free, and until there are {_ROOMY * _size(room)} only "
            "requests that read or delete are served. Delete objects, images, jobs or log groups."
        )


def _size(room: DiskRoom) -> int:
    return min(_MOST_BYTES, room.total // _SHARE)
