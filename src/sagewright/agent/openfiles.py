"""Open files of a job's processes: unfinished files, and files without a name in any directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

Inode = tuple[int, int]
_WRITES = os.O_WRONLY | os.O_RDWR
_MEMORY = {"tmpfs", "devtmpfs", "ramfs", "hugetlbfs"}


def open_for_writing(processes: Iterable[psutil.Process]) -> set[Inode]:
    """Returns (device, inode) of every file that a process can still write: paths differ inside a sandbox, these do not."""
    return {inode for process in processes for inode in _writable(process.pid)}


def _writable(pid: int) -> Iterable[Inode]:
    for descriptor in _descriptors(pid):
        with suppress(OSError, ValueError, IndexError):
            flags = int(Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text().split("flags:", 1)[1].split()[0], 8)
            if flags & _WRITES:
                found = os.stat(f"/proc/{pid}/fd/{descriptor}")  # noqa: PTH116 - as the next one: many of them
                yield found.st_dev, found.st_ino


def _descriptors(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208
    except OSError:  # it has ended
        return []


def unlinked_bytes(processes: Iterable[int], check: Callable[[], None], volume: int = -1) -> int:
    """Returns the disk usage of files without a name: they are open or mapped, and vanish with their last process. Each counts
    once.

    Files in memory do not count: the memory limit covers them. Those of the device `volume`, where the job's own files are, do,
    as its named files do: a data directory can be in memory.
    """
    found: dict[Inode, int] = {}
    for pid in processes:
        check()
        memory: set[int] | None = None
        for status in _nameless(pid):
            if (status.st_dev, status.st_ino) in found:
                continue
            memory = _in_memory(pid) - {volume} if memory is None else memory
            if status.st_dev not in memory:
                found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(found.values())


def _nameless(pid: int) -> Iterator[os.stat_result]:
    for place in (*(f"/proc/{pid}/fd/{descriptor}" for descriptor in _descriptors(pid)), *_mapped(pid)):
        with suppress(OSError):
            status = os.stat(place)  # noqa: PTH116
            if status.st_nlink == 0 and stat.S_ISREG(status.st_mode):
                yield status


def _mapped(pid: int) -> Iterator[str]:
    """Yields mappings of deleted files; none without permission to read them."""
    try:
        maps = Path(f"/proc/{pid}/maps").read_bytes()
    except OSError:
        return
    if b"(deleted)" not in maps:
        return
    for line in maps.splitlines():
        if line.endswith(b"(deleted)"):
            start, _dash, end = line.split(b" ", 1)[0].decode().partition("-")
            yield f"/proc/{pid}/map_files/{int(start, 16):x}-{int(end, 16):x}"


def _in_memory(pid: int) -> set[int]:
    """Returns devices that are not disks: the kernel's internal mounts, such as memfd's, and those the process sees mounted."""
    devices = set()
    with suppress(OSError):
        descriptor = os.memfd_create("device")
        devices.add(os.fstat(descriptor).st_dev)
        os.close(descriptor)
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/mountinfo").read_text(errors="replace").splitlines():
            before, _dash, after = line.partition(" - ")
            if after.split(" ", 1)[0] in _MEMORY:
                major, _colon, minor = before.split()[2].partition(":")
                devices.add(os.makedev(int(major), int(minor)))
    return devices
