"""Functions that numba compiles. The agent names the location of machine code that was made before the job
(`agent/cells/kernels.py`).

A `kernel` is numba's own function, which accepts any types. A `native` kernel has one signature, writes into arrays that it is
given, and is called without numba once its machine code is kept (`machinecode`).
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar, cast

from sagewright.algorithms.native import machinecode

Function = TypeVar("Function", bound=Callable[..., Any])
DIRECTORY = os.environ.get("NUMBA_CACHE_DIR", "")


def kernel(**options: Any) -> Callable[[Function], Function]:
    """Compiles the function, to run without the GIL. `options`: numba's."""
    from numba import njit

    return cast("Callable[[Function], Function]", njit(nogil=True, cache=bool(DIRECTORY), **options))


def part(function: Function) -> Function:
    """Marks a function that native kernels of its module call. It is compiled into them."""
    function.__dict__["part_of_kernels"] = True
    return function


def native(signature: str, fastmath: Any = False) -> Callable[[Callable[..., None]], Native]:
    """Compiles the function for arguments of these types, as numba writes them, C-contiguous. The function returns nothing,
    allocates nothing, raises nothing, divides as NumPy does, and none of its arrays overlap."""
    return lambda function: Native(cast("FunctionType", function), signature, fastmath)


class Native:
    """A native kernel, safe to call from many threads."""

    def __init__(self, function: FunctionType, signature: str, fastmath: Any) -> None:
        self.function, self.signature, self.fastmath = function, signature, fastmath
        self._lock = threading.Lock()
        self._ready: Callable[..., None] | None = None

    def __call__(self, *arguments: Any) -> None:
        """Raises TypeError for arguments of other types."""
        if self._ready is None:
            with self._lock:
                self._ready = self._ready or self._made()
        self._ready(*arguments)

    @property
    def kept(self) -> bool:
        """True if it can be called without compiling."""
        return self._ready is not None or (self._place is not None and self._place.is_file())

    def _made(self) -> Callable[..., None]:
        place = self._place
        try:
            image = machinecode.Image.decode(place.read_bytes()) if place and place.is_file() else None
            image = image or self._compiled(place)
            return machinecode.Function(image, machinecode.Parameter.parse(self.signature))
        except (
            Exception
        ) as error:  # numba's internals are of another release, or execution is not allowed: numba itself handles it
            logging.debug("%s is called by numba: %s", self.function.__qualname__, error)
            return self._dispatched()

    def _compiled(self, place: Path | None) -> machinecode.Image:
        from sagewright.algorithms.native import linking  # needs numba

        image = linking.compiled(self._whole(), self.signature, self.fastmath)
        if place:
            with contextlib.suppress(OSError):
                _keep(place, image.encode())
        return image

    def _dispatched(self) -> Callable[..., None]:
        options = {"fastmath": self.fastmath, "error_model": "numpy"}
        return kernel(**options)(self._whole())

    def _whole(self) -> Callable[..., None]:
        """The function, with the parts that it calls compiled."""
        from numba import njit

        known = dict(self.function.__globals__)  # parts see each other there
        options = {"forceinline": True, "fastmath": self.fastmath, "error_model": "numpy"}
        for name, each in self._parts().items():
            known[name] = njit(**options)(FunctionType(each.__code__, known, name))
        return FunctionType(self.function.__code__, known, self.function.__name__)

    def _parts(self) -> dict[str, FunctionType]:
        known = self.function.__globals__.items()
        return {name: each for name, each in known if getattr(each, "part_of_kernels", False)}

    @cached_property
    def _place(self) -> Path | None:
        """The file for exactly this source and processor."""
        if not DIRECTORY:
            return None
        files = {each.__code__.co_filename for each in [self.function, *self._parts().values()]}
        fastmath = sorted(self.fastmath) if isinstance(self.fastmath, set) else self.fastmath
        words = [self.signature, repr(fastmath), machinecode.processor()]
        content = b"|".join([Path(file).read_bytes() for file in sorted(files)] + [word.encode() for word in words])
        name = f"{self.function.__module__}.{self.function.__qualname__}"
        return Path(DIRECTORY) / f"{name}-{hashlib.sha256(content).hexdigest()[:16]}.code"


def _keep(place: Path, content: bytes) -> None:
    """Writes the file atomically."""
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_suffix(f".{os.getpid()}")
    new.write_bytes(content)
    new.replace(place)
