"""Functions that numba compiles. The agent names the place of machine code that was made before the job (`agent/kernels.py`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])
KEPT = bool(os.environ.get("NUMBA_CACHE_DIR"))


def kernel(**options: Any) -> Callable[[Function], Function]:
    """Compile the function, to run without Python's lock. `options`: numba's."""
    return cast("Callable[[Function], Function]", njit(nogil=True, cache=KEPT, **options))
