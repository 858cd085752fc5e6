"""Two calls of Linux that Python has no name for. Where they aren't to be had nothing is done: both only help."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

_WRITE = 2  # SYNC_FILE_RANGE_WRITE
_KEEP_SIZE, _PUNCH_HOLE = 1, 2


@cache
def _named(name: str) -> Any:
    """A function of libc, called without the interpreter's lock; None where it is none."""
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is not None:
        pieces = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
        function.argtypes = [*pieces, ctypes.c_uint] if name == "sync_file_range" else [ctypes.c_int, *pieces]
    return function


def begin(file: int, start: int, length: int) -> None:
    """Have the kernel begin to write these bytes to the disk, so that a later fsync has less to wait for."""
    sync_file_range = _named("sync_file_range")
    if sync_file_range is not None:
        sync_file_range(file, start, length, _WRITE)


def punch(file: int, start: int, length: int) -> None:
    """Give back the room of these bytes; they read as zeros."""
    fallocate = _named("fallocate64") or _named("fallocate")
    if fallocate is not None:
        fallocate(file, _PUNCH_HOLE | _KEEP_SIZE, start, length)
