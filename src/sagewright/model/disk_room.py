"""Disk space, and the order in which writers give way when it runs short.

Clients' writes stop first, at `client_floor`: objects and images are refused, so that running work keeps the rest. Hosts that write
end next, below `host_floor`. Processes that write nothing are left alone. On a small disk each floor is a share of the disk.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sagewright.model.errors import AwsError

CLIENT_MB, HOST_MB = 1024, 512
"""Defaults of the settings `disk_reserve_mb` and `disk_stop_mb`."""
_CLIENT_SHARE, _HOST_SHARE = 10, 20
MIB = 1 << 20
_QUANTUM_BYTES = 32 * MIB
_LOOK_S = 0.2


@dataclass(frozen=True)
class DiskRoom:
    """The file system of a directory, in bytes. `free`: space available to unprivileged processes."""

    total: int
    free: int

    @classmethod
    def of(cls, directory: Path) -> DiskRoom:
        """Returns the space of a directory's file system. Raises OSError."""
        status = os.statvfs(directory)
        return cls(status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize)

    def client_floor(self, reserve_mb: int, stop_mb: int) -> int:
        """Returns the bytes that clients leave free: never less than hosts do."""
        return max(min(reserve_mb * MIB, self.total // _CLIENT_SHARE), self.host_floor(stop_mb))

    def host_floor(self, stop_mb: int) -> int:
        """Returns the bytes that hosts leave free."""
        return min(stop_mb * MIB, self.total // _HOST_SHARE)


def existing(directory: Path) -> Path:
    """Returns the directory, or its nearest existing ancestor."""
    return next((place for place in (directory, *directory.parents) if place.exists()), Path("/"))


def spare(directory: Path, stop_mb: int = HOST_MB) -> int:
    """Returns the bytes that a host may still write on a directory's disk; can be negative."""
    room = DiskRoom.of(directory)
    return room.free - room.host_floor(stop_mb)


_thread = threading.local()


@contextmanager
def for_running_work() -> Iterator[None]:
    """Marks writes of this thread in the block as a running job's: they may use the space that clients leave free."""
    _thread.works = True
    try:
        yield
    finally:
        _thread.works = False


class ClientRoom:
    """Admits clients' writes to one directory. Safe to use from many threads, which share one count.

    The free space is read every 0.2 s and after a part of the remaining room was used, so that concurrent writers stop together.
    `refusal(message)` creates the error to raise.
    """

    def __init__(
        self,
        directory: Path,
        floors_mb: tuple[int, int] = (CLIENT_MB, HOST_MB),
        refusal: Callable[[str], AwsError] | None = None,
    ) -> None:
        self._directory, self._floors_mb = directory, floors_mb
        self._refusal = refusal or insufficient
        self._lock = threading.Lock()
        self._left = 0
        self._due = 0.0

    def spend(self, size: int = 0) -> None:
        """Admits a write of `size` bytes. Raises the refusal if it would use space that clients must leave free."""
        now = time.monotonic()
        if getattr(_thread, "works", False):
            self._check(size, working=True)
            return
        with self._lock:
            self._left -= size
            if self._left < 0 or now >= self._due:
                self._look(size, now)

    def _look(self, size: int, now: float) -> None:
        self._left, self._due = 0, 0.0
        over = self._check(size, working=False)
        self._left, self._due = min(over // 4, _QUANTUM_BYTES), now + _LOOK_S

    def _check(self, size: int, *, working: bool) -> int:
        """Returns the bytes that may be written in addition."""
        room = DiskRoom.of(existing(self._directory))
        floor = room.host_floor(self._floors_mb[1]) if working else room.client_floor(*self._floors_mb)
        over = room.free - floor - size
        if over < 0:
            setting = "disk_stop_mb" if working else "disk_reserve_mb"
            raise self._refusal(
                f"The disk of {self._directory} has {room.free} bytes free, and {floor} are kept for running work "
                f"(setting {setting}); {size} bytes more can't be written. Delete objects, images or jobs."
            )
        return over


def insufficient(message: str) -> AwsError:
    """Returns S3's error for a full disk. Source: RFC 4918, 507; MinIO and Ceph answer a full disk this way."""
    return AwsError("InsufficientStorage", message, 507)
