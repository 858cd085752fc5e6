"""Two Linux calls missing in Python. Both are optimizations: where they are unavailable, nothing is done."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

_WRITE = 2  # SYNC_FILE_RANGE_WRITE
_KEEP_SIZE, _PUNCH_HOLE = 1, 2


@cache
def _named(name: str) -> Any:
    """Returns a function of libc, called without the interpreter's lock; None if it does not exist."""
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is not None:
        pieces = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
        function.argtypes = [*pieces, ctypes.c_uint] if name == "sync_file_range" else [ctypes.c_int, *pieces]
    return function


def begin(file: int, start: int, length: int) -> None:
    """Asks the kernel to begin writing these bytes to disk, so that a later fsync waits less."""
    sync_file_range = _named("sync_file_range")
    if sync_file_range is not None:
        sync_file_range(file, start, length, _WRITE)


def punch(file: int, start: int, length: int) -> None:
    """Frees the disk space of these bytes; they read as zeros."""
    fallocate = _named("fallocate64") or _named("fallocate")
    if fallocate is not None:
        fallocate(file, _PUNCH_HOLE | _KEEP_SIZE, start, length)
