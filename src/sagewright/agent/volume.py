"""The volume that VolumeSizeInGB asks for: not a file system of its own, but a limit that is watched.

What is counted: everything in the host's directory that its process may fill, and the channels in File mode, wherever
their bytes lie. Instance types with storage of their own have no such limit, as with AWS.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sagewright.agent.errors import ClientError, JobError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import instance_groups
from sagewright.model.instances import has_local_storage

FULL = "Insufficient disk space"
RESERVE_BYTES = 512 << 20  # what a job leaves of the machine's disk, for the server and for other jobs
_FILLED = ("ml", "tmp", "home", "overlay", "views", "environment", "checkpoint-copies")
_EVERY_S = 0.5
_SHARE_OF_TIME = 20  # a look at many files takes long: so many times as long as it took are spent without one
_GIB = 1 << 30


class Volume:
    """Of one host. `fail(error)` ends its job."""

    def __init__(self, host: HostFile, fail: Callable[[JobError], None]) -> None:
        self._host, self._fail = host, fail
        self._limit = _limit_bytes(host)
        self._elsewhere = 0
        self._claimed = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="volume", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """No more is watched; what is done from here on is not the process's doing."""
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()

    def claim(self, size: int, *, elsewhere: bool) -> None:
        """Before a channel of so many bytes is brought: raises ClientError if it does not fit.

        elsewhere: its bytes will not lie in the host's directory, and count nevertheless.
        """
        self._claimed += size
        free = shutil.disk_usage(self._host.directory).free - RESERVE_BYTES
        if self._limit is not None and self._claimed > self._limit:
            raise ClientError(f"Data download failed:{FULL}: {self._asked(self._claimed)}")
        if not elsewhere and size > free:
            raise ClientError(f"Data download failed:{FULL}: {_gib(size)} to download, {_gib(free)} free here.")
        if elsewhere:
            self._elsewhere += size

    def _watch(self) -> None:
        wait = _EVERY_S
        while not self._end.wait(wait):
            began = time.monotonic()
            why = self._why_full()
            if why is not None:
                self._fail(ClientError(f"{FULL}: {why}"))
                return
            wait = max(_EVERY_S, _SHARE_OF_TIME * (time.monotonic() - began))

    def _why_full(self) -> str | None:
        free = shutil.disk_usage(self._host.directory).free
        if free < RESERVE_BYTES:
            return f"the disk of the machine has {_gib(free)} left."
        if self._limit is None:
            return None
        used = self._elsewhere + sum(_used_bytes(self._host.directory / name) for name in _FILLED)
        return self._asked(used) if used > self._limit else None

    def _asked(self, used: int) -> str:
        return f"host {self._host.host} needs {_gib(used)} or more, and VolumeSizeInGB is {(self._limit or 0) // _GIB}."


def _limit_bytes(host: HostFile) -> int | None:
    size_gb = (host.request.get("ResourceConfig") or {}).get("VolumeSizeInGB")
    if host.limits != "auto" or not size_gb:
        return None
    own = next(group for group in instance_groups(host) if host.host in group["hosts"])
    return None if has_local_storage(own["instance_type"]) else int(size_gb) * _GIB


def _used_bytes(directory: Path) -> int:
    """What the files below take on disk; holes take nothing, links are not followed, a file with two names counts once."""
    total, seen, left = 0, set(), [os.fspath(directory)]
    while left:
        with suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                        continue
                    if found.st_nlink > 1:
                        if (found.st_dev, found.st_ino) in seen:
                            continue
                        seen.add((found.st_dev, found.st_ino))
                    total += found.st_blocks * 512
    return total


def _gib(size: int) -> str:
    return f"{max(0, size) / _GIB:.1f} GiB"
