"""Which files processes have open for writing: what they hold is not finished."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

Inode = tuple[int, int]
_WRITES = os.O_WRONLY | os.O_RDWR


def open_for_writing(processes: Iterable[psutil.Process]) -> set[Inode]:
    """(device, inode) of every file that one of the processes can still write: paths differ inside a sandbox, these don't."""
    return {inode for process in processes for inode in _of(process.pid)}


def _of(pid: int) -> Iterable[Inode]:
    try:
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # it has ended
        return
    for descriptor in descriptors:
        with suppress(OSError, ValueError, IndexError):
            flags = int(Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text().split("flags:", 1)[1].split()[0], 8)
            if flags & _WRITES:
                found = descriptor.stat()
                yield found.st_dev, found.st_ino
