"""Where uv is, which makes environments and installs what users ask for."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def uv_program() -> Path:
    """The binary of the package `uv`. Raises FileNotFoundError."""
    from uv import find_uv_bin

    return Path(find_uv_bin())
