"""Memory that all processes of the job share, if its hosts are on one machine: the file that SAGEWRIGHT_SHARED_MEMORY names.

It has no name in any file system and a fixed size. Locks of open file descriptions (fcntl(2)) record which part a process uses, and
which processes are alive. The kernel releases them however a process ends, so nothing has to be cleaned up.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import platform
import struct
from pathlib import Path

VARIABLE = "SAGEWRIGHT_SHARED_MEMORY"
PAGE = 4096
_GETLK, _SETLK, _SETLKW = 36, 37, 38  # F_OFD_*
_FLOCK = "hhqqi4x"
_LEASES, _PRESENCE, _MUTEX = 1 << 40, 1 << 41, 1 << 42  # offsets of the locks: beyond all data
_FUTEX, _WAIT, _WAKE = 202, 0, 1  # on x86-64
_libc = ctypes.CDLL(None, use_errno=True)


class NoSharedMemory(RuntimeError):
    """The processes share no memory; the message is the reason."""


class _Time(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class Segment:
    """One process's access to the job's memory: every instance has separate locks. Raises NoSharedMemory."""

    def __init__(self) -> None:
        self._fd = -1
        if platform.machine() != "x86_64":
            raise NoSharedMemory(f"only processes on x86-64 share memory, and this is {platform.machine()}")
        place = os.environ.get(VARIABLE)
        if not place:
            raise NoSharedMemory("the job was given no memory that its hosts share")
        try:
            self._fd = os.open(place, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise NoSharedMemory(f"the memory that the job's hosts share cannot be opened: {error}") from error
        self.size = os.fstat(self._fd).st_size

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.close()

    def identity(self) -> str:
        """Returns a value that two processes share if and only if they see the same memory."""
        found = os.fstat(self._fd)
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{found.st_dev}:{found.st_ino}"

    def take(self, largest: int, smallest: int) -> tuple[int, int]:
        """Reserves a free part for this process; returns its offset and length. Raises NoSharedMemory."""
        self._lock(_SETLKW, fcntl.F_WRLCK, _MUTEX, 1)
        try:
            length = largest
            while True:
                offset = self._free(length)
                if offset is not None:
                    self.use(offset, length)
                    return offset, length
                if length == smallest:
                    break
                length = max(length // 2 // PAGE * PAGE, smallest)
        finally:
            self._lock(_SETLK, fcntl.F_UNLCK, _MUTEX, 1)
        raise NoSharedMemory(f"no {smallest} of the {self.size} bytes that the job's hosts share are free")

    def use(self, offset: int, length: int) -> None:
        """Keeps others from reserving the part; many processes can use it."""
        self._lock(_SETLK, fcntl.F_RDLCK, _LEASES + offset, length)

    def appear(self, number: int) -> None:
        """Marks the number as alive until this process ends or closes the segment."""
        self._lock(_SETLK, fcntl.F_WRLCK, _PRESENCE + number, 1)

    def sees(self, number: int) -> bool:
        """Reports whether another process has marked that number as alive."""
        return self._lock(_GETLK, fcntl.F_WRLCK, _PRESENCE + number, 1) is not None

    def map(self, offset: int, length: int) -> mmap.mmap:
        return mmap.mmap(self._fd, length, offset=offset)

    def _free(self, length: int) -> int | None:
        offset = 0
        while offset + length <= self.size:
            taken = self._lock(_GETLK, fcntl.F_WRLCK, _LEASES + offset, length)
            if taken is None:
                return offset
            offset = taken - _LEASES
        return None

    def _lock(self, command: int, kind: int, start: int, length: int) -> int | None:
        """Returns the end of a conflicting lock (for _GETLK), None if there is none. Raises OSError."""
        wanted = struct.pack(_FLOCK, kind, os.SEEK_SET, start, length, 0)
        found = struct.unpack(_FLOCK, fcntl.fcntl(self._fd, command, wanted))
        if command != _GETLK or found[0] == fcntl.F_UNLCK:
            return None
        return int(found[2] + found[3])


def wait_while(address: int, value: int, timeout_s: float) -> None:
    """Sleeps until `wake` is called for the address; returns at once if it already holds another value."""
    until = _Time(int(timeout_s), int(timeout_s % 1 * 1e9))
    done = _libc.syscall(_FUTEX, ctypes.c_void_p(address), _WAIT, ctypes.c_uint32(value), ctypes.byref(until), None, 0)
    if done < 0 and ctypes.get_errno() not in (errno.EAGAIN, errno.ETIMEDOUT, errno.EINTR):
        raise OSError(ctypes.get_errno(), "futex")


def wake(address: int) -> None:
    _libc.syscall(_FUTEX, ctypes.c_void_p(address), _WAKE, 1 << 30, None, None, 0)
