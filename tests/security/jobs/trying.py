"""Shared by all attempts."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Callable
from pathlib import Path

HELD, WORKED = "held", "WORKED"
LIMIT_S = 20
ATTEMPTS: dict[str, Callable[[], object]] = {}
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
OPEN_AT_START = {
    name: os.readlink(f"/proc/self/fd/{name}")
    for name in os.listdir("/proc/self/fd")
    if os.path.exists(f"/proc/self/fd/{name}")
}
ARM = platform.machine() == "aarch64"


class Held(Exception):
    """The wall held, in words."""


def attempt(act: Callable[[], object]) -> Callable[[], object]:
    ATTEMPTS[act.__name__] = act
    return act


def call(x86: int, arm: int | None, *arguments: object, refused: tuple[int, ...] = (errno.EPERM, errno.ENOSYS)) -> str:
    """A system call that must be refused by one of these errors: another error means that the kernel looked at it."""
    if ARM and arm is None:
        raise Held("there is no such call")
    given = (ctypes.c_long(value) if isinstance(value, int) else value for value in arguments)
    done = libc.syscall(ctypes.c_long(arm if ARM and arm is not None else x86), *given)
    if done < 0 and ctypes.get_errno() in refused:
        raise Held(os.strerror(ctypes.get_errno()))
    return f"{done}, {os.strerror(ctypes.get_errno())}"


def status(name: str, of: str = "self") -> str:
    lines = Path(f"/proc/{of}/status").read_text().splitlines()
    return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(name + ":"))


def must(good: bool, said: object) -> str:
    if good:
        raise Held(str(said))
    return str(said)
