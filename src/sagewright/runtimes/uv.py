"""The uv binary, which builds environments and installs users' requirements."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def uv_program() -> Path:
    """Returns the binary of the package `uv`. Raises FileNotFoundError."""
    from uv import find_uv_bin

    return Path(find_uv_bin())
