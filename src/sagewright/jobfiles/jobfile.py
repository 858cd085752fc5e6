"""A regular file of a job, open for reading."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable

_PIECE = 1 << 20


class JobFile(io.RawIOBase):
    """Has the size that it had when it was opened: later additions are not read, and truncation is an OSError.

    `check` is called before every piece and raises to give up. Closes its descriptor.
    """

    def __init__(self, descriptor: int, name: str, check: Callable[[], None]) -> None:
        super().__init__()
        self._descriptor, self._name, self._check = descriptor, name, check
        self.status = os.fstat(descriptor)
        self.size = self.status.st_size
        self._position = 0

    def fileno(self) -> int:
        return self._descriptor

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Returns `size` bytes, or everything left."""
        left = max(0, self.size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        pieces = []
        while wanted:
            self._check()
            piece = os.pread(self._descriptor, min(wanted, _PIECE), self._position)
            if not piece:
                raise OSError(errno.EIO, "it became shorter while it was read", self._name)
            self._position += len(piece)
            wanted -= len(piece)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
            self._descriptor = -1  # a concurrent reader must not get the next file with this number
        super().close()

    def copy_to(self, target: int, spend: Callable[[int], None]) -> None:
        """Copies the data into an empty file by its descriptor: holes stay holes. `spend` is called with the size of the next
        bytes."""
        os.ftruncate(target, self.size)
        position = 0
        while position < self.size:
            start, end = self._extent(position)
            while start < end:
                self._check()
                length = min(end - start, 8 * _PIECE)
                spend(length)
                start += self._copy_piece(target, start, length)
            position = max(end, position + 1)

    def _extent(self, position: int) -> tuple[int, int]:
        """Returns where the next data begin and end."""
        try:
            start = os.lseek(self._descriptor, position, os.SEEK_DATA)
            return min(start, self.size), min(os.lseek(self._descriptor, start, os.SEEK_HOLE), self.size)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole follows
                return self.size, self.size
            return position, self.size  # the file system does not support holes

    def _copy_piece(self, target: int, at: int, length: int) -> int:
        try:
            copied = os.copy_file_range(self._descriptor, target, length, at, at)
        except OSError as error:
            if error.errno not in {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}:
                raise
            copied = os.pwrite(target, os.pread(self._descriptor, min(length, _PIECE), at), at)
        if not copied:
            raise OSError(errno.EIO, "it became shorter while it was copied", self._name)
        return copied
