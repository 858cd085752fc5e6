"""Opens beneath a directory descriptor: by openat2(2), or step by step where the kernel or a seccomp filter does not allow it."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from contextlib import suppress
from functools import cache

LONGEST_PATH = 4095
_OPENAT2 = 437  # on x86-64 and aarch64 alike
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x01, 0x02, 0x04, 0x08
_RESOLVE = _NO_XDEV | _NO_MAGICLINKS | _NO_SYMLINKS | _BENEATH
_ALWAYS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_libc = ctypes.CDLL(None, use_errno=True)


def steps(path: str) -> list[str]:
    """Returns the names of a relative path. Raises OSError (EINVAL) if a step is empty, `.`, `..` or not a valid name."""
    names = path.split("/")
    if any(name in {"", ".", ".."} or "\0" in name for name in names):
        raise OSError(errno.EINVAL, "not a path beneath a directory", path)
    return names


def open_beneath(directory: int, path: str, flags: int, mode: int = 0) -> int:
    """Returns a descriptor of `path`, never of anything outside the directory; never waits for a FIFO's other end.

    Raises OSError: ELOOP or ENOTDIR if a link is on the way or at its end, EXDEV if another file system is mounted.
    """
    names = steps(path)
    if len(names) == 1 or not has_openat2() or len(os.fsencode(path)) > LONGEST_PATH:
        return _step_by_step(directory, names, flags, mode)
    return _openat2(directory, path, flags, mode)


def open_directory(directory: int, path: str) -> int:
    """Works as `open_beneath`, for listing. A directory of our own to which its job has denied itself access is opened up for its
    owner."""
    try:
        return open_beneath(directory, path, _DIRECTORY)
    except PermissionError:
        look = open_beneath(directory, path, _LOOK | os.O_DIRECTORY)
        try:
            os.chmod(_by_descriptor(look), stat.S_IMODE(os.fstat(look).st_mode) | stat.S_IRWXU)
        finally:
            os.close(look)
        return open_beneath(directory, path, _DIRECTORY)


def open_regular(directory: int, path: str) -> int:
    """Opens a regular file for reading. Nothing else is even opened, since opening a device may have effects.

    Raises OSError, EINVAL for anything that is not a regular file.
    """
    look = open_beneath(directory, path, _LOOK)
    try:
        found = os.fstat(look)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.ELOOP if stat.S_ISLNK(found.st_mode) else errno.EINVAL, "not a regular file", path)
        return _reopened(look, found)
    finally:
        os.close(look)


def _reopened(look: int, found: os.stat_result) -> int:
    """Reopens the same file for reading, through the descriptor, whatever its name refers to by now."""
    place, flags = _by_descriptor(look), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(place, flags)
    except PermissionError:
        os.chmod(place, stat.S_IRUSR)  # ours, but the job has denied its owner access
        try:
            return os.open(place, flags)
        finally:
            with suppress(OSError):
                os.chmod(place, stat.S_IMODE(found.st_mode))


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _by_descriptor(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


@cache
def has_openat2() -> bool:
    """True if the kernel has openat2 (5.6), and no filter refuses it."""
    root = os.open("/", os.O_PATH | os.O_CLOEXEC)
    try:
        os.close(_openat2(root, ".", os.O_PATH | os.O_DIRECTORY, 0))
    except OSError:
        return False
    finally:
        os.close(root)
    return True


def _openat2(directory: int, path: str, flags: int, mode: int) -> int:
    how = _How(_flags(flags), mode, _RESOLVE)
    name = os.fsencode(path)
    while True:
        opened = int(_libc.syscall(_OPENAT2, directory, name, ctypes.byref(how), ctypes.sizeof(how)))
        if opened >= 0:
            return opened
        number = ctypes.get_errno()
        if number not in {errno.EINTR, errno.EAGAIN}:
            raise OSError(number, os.strerror(number), path)


def _flags(flags: int) -> int:
    """Returns the flags without those that have no meaning with O_PATH, which openat2 refuses."""
    return flags | (os.O_NOFOLLOW | os.O_CLOEXEC if flags & os.O_PATH else _ALWAYS)


def _step_by_step(directory: int, names: list[str], flags: int, mode: int) -> int:
    """Opens one name at a time, none of them a link, all directories on one file system."""
    device = os.fstat(directory).st_dev
    at = directory
    try:
        for name in names[:-1]:
            below = os.open(name, _LOOK | os.O_DIRECTORY, dir_fd=at)
            if at != directory:
                os.close(at)
            at = below
            _same_device(at, device, name)
        opened = os.open(names[-1], _flags(flags), mode, dir_fd=at)
    finally:
        if at != directory:
            os.close(at)
    try:
        _same_device(opened, device, names[-1])
    except OSError:
        os.close(opened)
        raise
    return opened


def _same_device(descriptor: int, device: int, name: str) -> None:
    """Checks the device of directories only: an overlay may give files the device numbers of their original file systems."""
    found = os.fstat(descriptor)
    if stat.S_ISDIR(found.st_mode) and found.st_dev != device:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), name)
