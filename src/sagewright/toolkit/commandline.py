"""Changes the command line and the environment in /proc of a process to those of a new program.

Source: the manual page prctl(2), PR_SET_MM_MAP, which a process can apply to itself without privileges; kernels built without
checkpoints lack it. The fields of /proc/PID/stat are those of proc(5).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping

_PR_SET_MM, _PR_SET_MM_MAP = 35, 14
_FIELDS = {"start_code": 26, "end_code": 27, "start_stack": 28, "start_data": 45, "end_data": 46, "start_brk": 47,
           "arg_start": 48, "arg_end": 49, "env_start": 50, "env_end": 51}  # fmt: skip
_libc = ctypes.CDLL(None, use_errno=True)
_libc.sbrk.restype = ctypes.c_void_p
_libc.malloc.restype = ctypes.c_void_p


class _Map(ctypes.Structure):
    """struct prctl_mm_map"""

    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("start_code", "end_code", "start_data", "end_data", "start_brk", "brk",
                                               "start_stack", "arg_start", "arg_end", "env_start", "env_end", "auxv")),
        ("auxv_size", ctypes.c_uint32),
        ("exe_fd", ctypes.c_uint32),
    )  # fmt: skip


def change(words: list[str], environ: Mapping[str, str]) -> bool:
    """Returns True if the kernel accepted the change; otherwise nothing is changed."""
    arguments = b"".join(os.fsencode(word) + b"\0" for word in words)
    variables = b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in environ.items())
    place = _libc.malloc(len(arguments) + len(variables))  # allocated for the life of the process
    if not place:
        return False
    ctypes.memmove(place, arguments + variables, len(arguments) + len(variables))
    now = _now()
    now.arg_start, now.arg_end = place, place + len(arguments)
    now.env_start, now.env_end = now.arg_end, now.arg_end + len(variables)
    return _set(now)


def _now() -> _Map:
    with open("/proc/self/stat", "rb") as file:  # noqa: PTH123
        fields = file.read().rpartition(b")")[2].split()
    values = {name: int(fields[number - 3]) for name, number in _FIELDS.items()}
    return _Map(**values, brk=_libc.sbrk(0), exe_fd=0xFFFF_FFFF)


def _set(wanted: _Map) -> bool:
    return not _libc.prctl(_PR_SET_MM, _PR_SET_MM_MAP, ctypes.byref(wanted), ctypes.c_size_t(ctypes.sizeof(wanted)), 0)
