"""A read-only file system of objects in S3, whose bytes are fetched on read. Requires libfuse."""

from __future__ import annotations

import errno
import itertools
import stat
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mfusepy import FuseOSError, Operations

from sagewright.agent.inputs.sources import Stored
from sagewright.agent.s3 import JobS3, S3Failed

LEAST_BYTES, MOST_BYTES = 256 << 10, 8 << 20
"""Bytes fetched at once: for a first or random read, and the maximum for sequential reads."""
_WINDOWS = 2  # the kernel's requests are slightly out of order


@dataclass
class OpenFile:
    """An open file. Safe to use from many threads. Raises S3Failed, also if the object was replaced after the open."""

    s3: JobS3
    stored: Stored
    lock: threading.Lock = field(default_factory=threading.Lock)
    windows: list[tuple[int, bytes]] = field(default_factory=list)
    etag: str = ""
    length: int = LEAST_BYTES

    def read(self, offset: int, size: int) -> bytes:
        size = max(0, min(size, (self.stored.size or 0) - offset))
        with self.lock:
            out = b""
            while len(out) < size:
                start, data = self._window(offset + len(out))
                inside = offset + len(out) - start
                out += data[inside : inside + size - len(out)]
            return out

    def _window(self, offset: int) -> tuple[int, bytes]:
        for start, data in self.windows:
            if start <= offset < start + len(data):
                return start, data
        goes_on = any(offset == start + len(data) for start, data in self.windows)
        self.length = min(2 * self.length, MOST_BYTES) if goes_on else LEAST_BYTES
        length = min(self.length, (self.stored.size or 0) - offset)
        data, self.etag = self.s3.read_range(
            self.stored.bucket, self.stored.key, slice(offset, offset + length), self.etag
        )
        if not data:
            raise S3Failed("Changed", f"{self.stored.uri} ends before byte {offset}")
        self.windows = [*self.windows[1 - _WINDOWS :], (offset, data)]
        return offset, data


class ObjectFileSystem(Operations):  # type: ignore[misc]  # mfusepy is untyped
    """`files`: objects by path relative to the root, without a leading slash."""

    use_ns = True

    def __init__(self, s3: JobS3 | None, files: Mapping[str, Stored]) -> None:
        """`s3` may be None if there are no files."""
        self._s3, self._files = s3, files
        self._folders: dict[str, set[str]] = {"": set()}
        self._numbers = itertools.count(1)
        self._open: dict[int, OpenFile] = {}
        self._made_ns = time.time_ns()
        for path in files:
            folder, _, name = path.rpartition("/")
            while name:
                self._folders.setdefault(folder, set()).add(name)
                folder, _, name = folder.rpartition("/")

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:  # noqa: ARG002 - the interface is FUSE's
        name = path.strip("/")
        times = {"st_mtime": self._made_ns, "st_ctime": self._made_ns, "st_atime": self._made_ns}
        if name in self._folders:
            return {"st_mode": stat.S_IFDIR | 0o555, "st_nlink": 2, "st_size": 4096, **times}
        if name in self._files:
            return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": self._files[name].size or 0, **times}
        raise FuseOSError(errno.ENOENT)

    def readdir(self, path: str, fh: int) -> list[str]:  # noqa: ARG002
        return [".", "..", *sorted(self._folders[path.strip("/")])]

    def open(self, path: str, flags: int) -> int:  # noqa: ARG002 - the mount is read-only
        assert self._s3 is not None
        number = next(self._numbers)
        self._open[number] = OpenFile(self._s3, self._files[path.strip("/")])
        return number

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:  # noqa: ARG002
        try:
            return self._open[fh].read(offset, size)
        except S3Failed as error:
            raise FuseOSError(errno.EIO) from error

    def release(self, path: str, fh: int) -> int:  # noqa: ARG002
        self._open.pop(fh, None)
        return 0
