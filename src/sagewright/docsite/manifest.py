"""The built site: one manifest, and files named by their content. `tools/docs.py` writes both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

BUILT = Path(__file__).parent / "built"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class SiteFile:
    """A file of the site. `size`: of its content in bytes; `packed_size`: of the file if that is compressed by gzip, else 0;
    `lasting`: its name changes with its content."""

    path: Path
    media_type: str
    size: int
    packed_size: int
    tag: str
    lasting: bool


@dataclass(frozen=True)
class DocsSite:
    """`files` by their path below `/docs/`, pages by the path of their folder (`how-to/tune-models/`); `policy`: the Content
    Security Policy of its pages."""

    files: dict[str, SiteFile]
    policy: str


def read_site(folder: Path) -> DocsSite:
    """Returns the site that is built in `folder`. Raises FileNotFoundError."""
    document: dict[str, Any] = orjson.loads((folder / MANIFEST).read_bytes())
    files = {
        path: SiteFile(
            folder / one["file"], one["type"], one["size"], one["packed_size"], one["tag"], bool(one["lasting"])
        )
        for path, one in document["files"].items()
    }
    return DocsSite(files, document["policy"])
