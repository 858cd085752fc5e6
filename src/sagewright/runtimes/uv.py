"""The uv binary, which builds environments and installs users' requirements, and its cache of packages."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

OWN_CACHE = ".uv"
"""Directory, in that of the environments, of the packages that uv keeps where it has no other place for them."""


@cache
def uv_program() -> Path:
    """Returns the binary of the package `uv`. Raises FileNotFoundError."""
    from uv import find_uv_bin

    return Path(find_uv_bin())


def cache_variables(environments: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables for uv's cache and its fastest link mode.

    UV_CACHE_DIR is set only where uv's own choice cannot be written to, as in a read-only home directory; then it names a
    directory beside the environments. Files are hard links where the cache is on the file system of `environments`, otherwise
    copies.
    """
    chosen = _default(environ)
    usable = chosen is not None and (bool(environ.get("UV_CACHE_DIR")) or _writable(chosen))
    place = chosen if chosen is not None and usable else environments / OWN_CACHE
    same = _existing(place).stat().st_dev == _existing(environments).stat().st_dev
    return {"UV_LINK_MODE": "hardlink" if same else "copy"} | ({} if usable else {"UV_CACHE_DIR": str(place)})


def _default(environ: Mapping[str, str]) -> Path | None:
    """Returns the directory that uv chooses, None without a home. Source: uv's documentation, "Caching"."""
    if given := environ.get("UV_CACHE_DIR"):
        return Path(given).expanduser().absolute()
    if (base := environ.get("XDG_CACHE_HOME", "")).startswith("/"):
        return Path(base) / "uv"
    home = environ.get("HOME", "")
    return Path(home) / ".cache" / "uv" if home.startswith("/") else None


def _writable(directory: Path) -> bool:
    existing = _existing(directory)
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _existing(path: Path) -> Path:
    """Returns the nearest directory at or above a path that exists, and that this user can see."""
    return next((place for place in (path, *path.parents) if os.access(place, os.F_OK)), Path("/"))
