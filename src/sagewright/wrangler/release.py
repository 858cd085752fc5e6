"""The state of this package's sources, by which a session of an earlier release is recognized. Needs only the standard library."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

HEADER = "x-sagewright-wrangler"
"""Header of a session's answers with the digest of its sources."""


@functools.cache
def digest(package: Path = Path(__file__).parent) -> str:
    """Returns a digest of the names and contents of the sources, read once."""
    found = hashlib.sha256()
    for one in sorted(package.rglob("*.py")):
        content = one.read_bytes()
        found.update(f"{one.relative_to(package)} {len(content)}\n".encode() + content)
    return found.hexdigest()[:32]
