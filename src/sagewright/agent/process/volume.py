"""The volume of VolumeSizeInGB, enforced by monitoring, and the machine's disk, which hosts that write must not fill.

It counts all files in the host's directory that its process may write, unlinked files that its processes have open or mapped, and
the channels in File mode, wherever their bytes are. Instance types with local storage have no such limit, as on AWS. On a disk that
runs short each host is judged by what it has written (`disk_usage`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sagewright.agent.disk import FULL, GIB, Disk, gib, shortage
from sagewright.agent.errors import ClientError, JobError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.openfiles import unlinked_bytes
from sagewright.agent.parallel import WorkThread, start_thread
from sagewright.agent.process.disk_usage import WINDOW_S, Writing
from sagewright.jobfiles.directory import JobDirectory
from sagewright.model.aws.instance_types import has_local_storage
from sagewright.model.disk_room import DiskRoom, existing
from sagewright.sandbox.containers.container import bytes_written
from sagewright.sandbox.kernel import descendants

_FILLED = ("ml", "tmp", "home", "overlay", "views", "environment", "checkpoint-copies")
_EVERY_S = 0.5
_SHARE_OF_TIME = 20  # scanning many files takes long: the pause after a scan is this multiple of its duration
_LOOK_S = 2.0  # a scan that takes longer than this continues where it was at the next one


class _Ended(Exception):
    """Monitoring has ended."""


class Volume:
    """The volume of one host. `fail(error)` ends its job."""

    def __init__(self, host: HostFile, fail: Callable[[JobError], None]) -> None:
        self._host, self._fail = host, fail
        self._limit = _limit_bytes(host)
        self._disk = Disk(host.directory, host.disk_stop_mb)
        self._count: Iterator[int] | None = None
        self._counted = 0
        self._elsewhere = 0
        self._logged = self._outside = 0
        self._writing = Writing()
        self._making: list[Path | None] = []
        self._claimed = 0
        self._end = threading.Event()
        self._thread: WorkThread | None = None

    def start(self) -> None:
        self._thread = start_thread("volume", self._watch)

    def close(self) -> None:
        """Ends the monitoring; later writes are not the process's."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def claim(self, size: int, *, elsewhere: bool) -> None:
        """Admits a channel of `size` bytes before its download. Raises ClientError if it does not fit.

        elsewhere: True if its bytes are outside the host's directory; they count nevertheless.
        """
        self._claimed += size
        room = self._disk.free()
        if self._limit is not None and self._claimed > self._limit:
            raise ClientError(f"Data download failed:{FULL}: {self._requested(self._claimed)}")
        if not elsewhere and size > room:
            raise ClientError(f"Data download failed:{FULL}: {gib(size)} to download, {gib(room)} free here.")
        if elsewhere:
            self._elsewhere += size

    def begin(self) -> None:
        """Starts counting the writes of the host's own process. A server is credited with everything that it starts with."""
        given = None if self._host.brief.health is not None else max(0, self._claimed - self._elsewhere)
        self._writing.begin(given)

    def logged(self, size: int) -> None:
        """Counts log lines, which the server's store keeps on its disk."""
        self._logged += size

    @contextmanager
    def making(self, place: Path | None = None) -> Iterator[None]:
        """Marks writes of this host to the environments in the block: a layer at `place`, or an environment."""
        self._making.append(place)
        try:
            yield
        finally:
            self._making.remove(place)

    def _watch(self) -> None:
        due = 0.0
        while not self._end.wait(_EVERY_S):
            began = time.monotonic()
            try:
                reason = self._making_reason() or (self._counted_reason() if began >= due else None)
            except _Ended:
                return
            if reason is not None:
                self._fail(ClientError(f"{FULL}: {reason}"))
                return
            if began >= due:
                due = began + _SHARE_OF_TIME * (time.monotonic() - began)

    def _making_reason(self) -> str | None:
        """Returns why the host must end while it makes an environment, which can take gigabytes."""
        if not self._making:
            return None
        place = existing(self._host.environments)
        room = DiskRoom.of(place)
        return (
            shortage(place, self._host.disk_stop_mb) if room.free < room.host_floor(self._host.disk_stop_mb) else None
        )

    def _counted_reason(self) -> str | None:
        room = DiskRoom.of(self._host.directory)
        floor = room.host_floor(self._host.disk_stop_mb)
        if self._limit is None and room.free >= 2 * floor:
            return None
        nameless = unlinked_bytes(descendants(os.getpid()), self._check, self._host.directory.stat().st_dev)
        used = self._look() + nameless
        if self._limit is not None and self._elsewhere + used > self._limit:
            return self._requested(self._elsewhere + used)
        if self._count is None:
            outside = bytes_written(self._host.directory) if room.free < 2 * floor else self._outside
            self._outside = outside
            self._writing.measure(used + self._logged + outside, time.monotonic())
        return self._short_reason() if self._writing.ends(room, floor) else None

    def _short_reason(self) -> str:
        wrote = (
            f"Host {self._host.host} has written {self._writing.held} bytes, {self._writing.recent} in {WINDOW_S:g} s."
        )
        return f"{shortage(self._host.directory, self._host.disk_stop_mb)} {wrote}"

    def _look(self) -> int:
        """Returns the bytes in the directories: of the last complete scan, or of this one if that has found more."""
        until, found = time.monotonic() + _LOOK_S, 0
        own = (self._host.directory / name for name in _FILLED)
        places = [*own, *counted_folders(self._host), *filter(None, self._making)]
        self._count = self._count or used_bytes(places, self._check)
        for found in self._count:
            if time.monotonic() > until:
                return max(found, self._counted)
        self._count, self._counted = None, found
        return found

    def _check(self) -> None:
        if self._end.is_set():
            raise _Ended

    def _requested(self, used: int) -> str:
        return f"host {self._host.host} needs {gib(used)} or more, and VolumeSizeInGB is {(self._limit or 0) // GIB}."

    def most_to_bring(self) -> tuple[int, str]:
        """Returns the maximum bytes of the files that this host leaves, holes included, and a description of that limit."""
        if self._limit is not None:
            return self._limit, f"VolumeSizeInGB is {self._limit // GIB}"
        total = self._disk.total()
        return total, f"the disk of the machine has {gib(total)} in all"


def _limit_bytes(host: HostFile) -> int | None:
    size_gb = host.brief.volume_gb
    if host.limits != "auto" or not size_gb or has_local_storage(host.group.instance_type):
        return None
    return size_gb * GIB


def counted_folders(host: HostFile) -> list[Path]:
    folders = [one.folder for one in host.brief.inputs if one.folder is not None and one.folder.counted]
    roots = ((host.file_systems.get(folder.file_system), folder.path.strip("/")) for folder in folders)
    return [Path(root) / beneath for root, beneath in roots if root is not None]


def used_bytes(places: list[Path], check: Callable[[], None]) -> Iterator[int]:
    """Yields the running total of disk usage of files and directories. Holes take no space, links are not followed, a file with two
    names counts once, and unreadable files are skipped."""
    total, seen = 0, set()
    for place in places:
        with suppress(OSError), JobDirectory.at(place) as directory:
            for number, entry in enumerate(directory.walk(check, lambda _error: None)):
                if entry.status.st_nlink > 1 and not entry.is_directory:
                    if entry.identity in seen:
                        continue
                    seen.add(entry.identity)
                total += entry.status.st_blocks * 512
                if number % 1000 == 0:
                    yield total
    yield total
