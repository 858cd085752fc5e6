"""A file that keeps room for the store on a disk that others fill.

When the disk is full the file is removed: then the store can be opened, and what deletes has room for its rows. While it is out,
nothing else is written for clients. It is made again once there is room.
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
"""So many times its size must be free for it to be made."""


class Ballast:
    """The ballast of one data directory. Safe to use from many threads."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._path = directory, directory / _FILE
        self._lock = threading.Lock()
        self._out = self._short = False
        self._due = 0.0

    @property
    def tight(self) -> bool:
        """Whether room is for what deletes and ends alone: the ballast is out, or no more than its size is free."""
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
        """Remove it; whether that gave room."""
        with self._lock:
            self._out = True
            try:
                self._path.unlink()
            except OSError:
                return False
            return True

    def release_if_short(self) -> None:
        """Where the store would have less room than the ballast keeps."""
        with suppress(OSError):
            room = DiskRoom.of(self._directory)
            if room.free < _size(room) and self._path.exists():
                self.release()
            self._out = room.free < _ROOMY * _size(room) and not self._path.exists()

    def keep(self) -> None:
        """Have it there if there is room, else see whether it is needed. To be called now and then; never raises."""
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
        """For clients, while it is `tight`."""
        room = DiskRoom.of(self._directory)
        return (
            f"The disk of {self._directory} has {room.free} bytes free, and until there are {_ROOMY * _size(room)} only "
            "requests that read or delete are served. Delete objects, images, jobs or log groups."
        )


def _size(room: DiskRoom) -> int:
    return min(_MOST_BYTES, room.total // _SHARE)
