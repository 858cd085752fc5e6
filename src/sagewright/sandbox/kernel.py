"""System calls for mounts and namespaces that Python does not wrap, and the kernel's lists of processes.

Linux; source: its manual pages, section 2.

The calls raise OSError.
"""

from __future__ import annotations

import ctypes
import os
import select
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

CLONE_FS = 0x0000_0200
CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x4_0000

_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442  # the same on every architecture since Linux 5.2
_AT_EMPTY_PATH = 0x1000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_IDMAP = 0x0010_0000
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_NOSUID, _MOUNT_ATTR_NODEV = 1, 2, 4
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _MountAttributes(ctypes.Structure):
    """struct mount_attr"""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def unshare(flags: int) -> None:
    """Unshares for the calling thread only: CLONE_NEWNS and CLONE_FS are per thread. CLONE_NEWUSER requires a single-threaded
    process."""
    _checked(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """Enters a namespace with the calling thread only; for a mount namespace it must have left the process's CLONE_FS."""
    _checked(_libc.setns(descriptor, kind), "setns")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    done = _libc.mount(source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode())
    _checked(done, f"mount {target}")


def idmapped_copy(directory: int, user_namespace: int) -> int:
    """Returns a descriptor of a detached mount of `directory` (a descriptor itself), in which the user namespace maps the ids of
    the disk: the disk's root is the root inside. Requires Linux 5.12 and a file system that supports it."""
    made = _call(_OPEN_TREE, directory, b"", _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_EMPTY_PATH)
    requested = _MountAttributes(_MOUNT_ATTR_IDMAP, 0, 0, user_namespace)
    try:
        _call(_MOUNT_SETATTR, made, b"", _AT_EMPTY_PATH, ctypes.byref(requested), ctypes.sizeof(requested))
    except OSError:
        os.close(made)
        raise
    return made


def read_only_copy(place: int) -> int:
    """Returns a descriptor of a detached mount of the file or directory `place` (a descriptor itself), and of all mounts below it,
    that nobody can write through, run with other users' rights, or use devices of. Requires Linux 5.12."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_EMPTY_PATH | _AT_RECURSIVE
    made = _call(_OPEN_TREE, place, b"", flags)
    requested = _MountAttributes(_MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID | _MOUNT_ATTR_NODEV)
    try:
        how = _AT_EMPTY_PATH | _AT_RECURSIVE
        _call(_MOUNT_SETATTR, made, b"", how, ctypes.byref(requested), ctypes.sizeof(requested))
    except OSError:
        os.close(made)
        raise
    return made


def attach(detached: int, target: str) -> None:
    """Attaches a detached mount at a path in the calling thread's mount namespace."""
    at_cwd = -100
    _call(_MOVE_MOUNT, detached, b"", at_cwd, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)


def _call(number: int, *arguments: object) -> int:
    widened = (ctypes.c_long(value) if isinstance(value, int) else value for value in arguments)
    return _checked(_libc.syscall(ctypes.c_long(number), *widened), f"system call {number}")


def _checked(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


_EXITING = 0x4


def runs(pid: int) -> bool:
    """True if a process still runs code or has a file open; False once it has begun to end and closed them. The teardown of a
    sandbox's mounts, which follows, takes some time."""
    process = Path(f"/proc/{pid}")
    try:
        fields = (process / "stat").read_bytes().rpartition(b") ")[2].split()
        if fields[0] in {b"Z", b"X"}:
            return False
        return not int(fields[6]) & _EXITING or any((process / "fd").iterdir())
    except OSError:
        return False


def await_end(pids: Iterable[int], timeout_s: float) -> None:
    """Returns as soon as one of these processes has ended, after `timeout_s` at the latest."""
    poll, opened = select.poll(), []
    try:
        for pid in pids:
            with suppress(OSError):  # it has ended already
                opened.append(os.pidfd_open(pid))
                poll.register(opened[-1], select.POLLIN)
        if opened:
            poll.poll(timeout_s * 1000)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def descendants(pid: int) -> list[int]:
    """Returns all descendants of a process; found through parents' lists of children, so that no other processes are examined."""
    found: list[int] = []
    left = [pid]
    while left:
        for place in _tasks(left.pop()):
            with suppress(OSError, ValueError):
                children = [int(child) for child in Path(place).read_text().split()]
                found += children
                left += children
    return found


def _tasks(pid: int) -> list[str]:
    try:
        return [f"/proc/{pid}/task/{task}/children" for task in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208
    except OSError:
        return []
