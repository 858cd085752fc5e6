"""Files that pages load: read once, sent compressed, cached for good under an address that changes with their content."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class Asset:
    content: bytes
    packed: bytes
    media_type: str
    tag: str


@cache
def asset(name: str) -> Asset | None:
    """Returns a file of `static`; None if there is none of that name."""
    stem, _, kind = name.rpartition(".")
    if kind not in TYPES or not stem or not all(char.isalnum() or char in "-_." for char in name) or ".." in name:
        return None
    path = files("sagewright.studio") / "static" / name
    if not path.is_file():
        return None
    content = path.read_bytes()
    return Asset(content, gzip.compress(content, 9), TYPES[kind], hashlib.sha256(content).hexdigest()[:16])


def address(name: str) -> str:
    """Returns the address of a file of `static`."""
    found = asset(name)
    assert found is not None, name
    return f"/studio/static/{name}?v={found.tag}"
