"""Machine code that is kept in a file and called without the compiler that made it.

Importing numba takes 0.6 s of CPU time and 55 MB, as much as many trainings do. The output of `linking` for a kernel is therefore
kept in a file as one position-independent piece, in which only the addresses of the C library's functions have to be filled in.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import json
import mmap
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXECUTABLE = mmap.PROT_READ | mmap.PROT_EXEC
_NAMES = re.compile(r"(\w+)(\[[^]]*\])?")
_SCALARS = {"int32": ctypes.c_int32, "int64": ctypes.c_int64, "float32": ctypes.c_float, "float64": ctypes.c_double}


@functools.cache
def processor() -> str:
    """Distinguishes processors with different instructions; unique to this process if they can't be distinguished."""
    try:
        first = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    except OSError:
        return f"unknown to {os.getpid()}"
    fields = [line for line in first if line.startswith(("vendor_id", "cpu family", "model", "flags"))]
    return hashlib.sha256("\n".join(fields).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Image:
    """`code` begins at any page; its function is at `entry`; at `slots` are 8 bytes for each of `imports`, functions of C."""

    code: bytes
    entry: int
    slots: int
    imports: tuple[str, ...]

    def encode(self) -> bytes:
        """A line of JSON, which names this processor, and the code."""
        about = {"processor": processor(), "entry": self.entry, "slots": self.slots, "imports": self.imports}
        return json.dumps(about).encode() + b"\n" + self.code

    @classmethod
    def decode(cls, content: bytes) -> Image | None:
        """Returns None for code of another processor, or for content that isn't an image."""
        line, _, code = content.partition(b"\n")
        try:
            about = json.loads(line)
            if about["processor"] != processor():
                return None
            return cls(code, about["entry"], about["slots"], tuple(about["imports"]))
        except (ValueError, KeyError, TypeError):
            return None


def address(name: str) -> int | None:
    """The address of a function of the C library; None if the library lacks it."""
    for library in (None, "libm.so.6"):
        try:
            return ctypes.cast(getattr(ctypes.CDLL(library), name), ctypes.c_void_p).value
        except (AttributeError, OSError):
            continue
    return None


@dataclass(frozen=True)
class Parameter:
    """A parameter of a NumPy type: a number, or, if it has `dimensions`, a C-contiguous array."""

    kind: str
    dimensions: int

    @classmethod
    def parse(cls, signature: str) -> list[Parameter]:
        """Parses a signature such as "float32[:, ::1], Tuple((int64, int64))", as numba writes types; tuples are passed as their
        members."""
        found = [(kind, shape) for kind, shape in _NAMES.findall(signature) if kind != "Tuple"]
        return [cls(kind, shape.count(",") + 1 if shape else 0) for kind, shape in found]

    @property
    def types(self) -> list[Any]:
        """The C types in which numba passes it: an array is its owners, its sizes, its address, its shape and its strides."""
        if not self.dimensions:
            return [_SCALARS[self.kind]]
        pointer, size = ctypes.c_void_p, ctypes.c_ssize_t
        return [pointer, pointer, size, size, pointer, *[size] * (2 * self.dimensions)]

    def values(self, given: Any) -> tuple[Any, ...]:
        """Raises TypeError for an array that differs from the type the kernel was compiled for."""
        if not self.dimensions:
            return (given,)
        if given.dtype != self.kind or given.ndim != self.dimensions or not given.flags.c_contiguous:
            text = f"a kernel's array is {given.dtype} of shape {given.shape}, not C-contiguous {self.kind}"
            raise TypeError(f"{text} with {self.dimensions} dimensions")
        return (None, None, given.size, given.itemsize, _place(given), *given.shape, *given.strides)


def _place(given: Any) -> int:
    """An array's address. NumPy's own way to it takes five times as long, and some kernels are called thousands of times a second
    with a dozen arrays."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(given))
    except (TypeError, ValueError):  # read-only, or empty
        return int(given.ctypes.data)


class Function:
    """An image in this process's memory, called without the GIL. Safe to call from many threads.

    Raises OSError if memory can't be made executable.
    """

    def __init__(self, image: Image, parameters: list[Parameter]) -> None:
        self._parameters = parameters
        self._memory = mmap.mmap(-1, len(image.code), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._memory.write(image.code)
        found = [address(name) or 0 for name in image.imports]
        struct.pack_into(f"<{len(found)}Q", self._memory, image.slots, *found)
        begin = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        library = ctypes.CDLL(None, use_errno=True)
        if library.mprotect(ctypes.c_void_p(begin), ctypes.c_size_t(len(image.code)), EXECUTABLE):
            raise OSError(ctypes.get_errno(), "a kernel's machine code may not be executed")
        types = [each for parameter in parameters for each in parameter.types]
        prototype = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *types)
        self._function = prototype(begin + image.entry)

    def __call__(self, *arguments: Any) -> None:
        """Raises TypeError for arguments of other types, RuntimeError if the kernel failed."""
        values: list[Any] = []
        for parameter, given in zip(self._parameters, _flat(arguments), strict=True):
            values += parameter.values(given)
        said = (ctypes.c_void_p * 2)()  # for its return value, which is nothing, and its exception
        place = ctypes.addressof(said)
        if status := self._function(place, place + ctypes.sizeof(ctypes.c_void_p), *values):
            raise RuntimeError(f"a kernel ended with status {status}")


def _flat(arguments: tuple[Any, ...]) -> list[Any]:
    found: list[Any] = []
    for each in arguments:
        if isinstance(each, tuple):
            found += _flat(each)
        else:
            found.append(each)
    return found
