"""Files that pages load: read once, sent compressed, and cached indefinitely under a URL that changes with their
content.

The frame of a user's chart is a document without an origin, so its files may be loaded by every origin; all others are only for
Studio.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}

FRAMED = ("vega.min.js", "vega-lite.min.js", "vega-embed.min.js", "chartframe.js")
FRAME_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


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
    """Returns the URL of a file of `static`."""
    found = asset(name)
    assert found is not None, name
    return f"/studio/static/{name}?v={found.tag}"


def response(request: Request, name: str) -> Response:
    """Answers a request of a file of `static`."""
    found = asset(name)
    if found is None:
        return Response(status_code=404)
    headers = {
        "cache-control": "public, max-age=31536000, immutable",
        "vary": "accept-encoding",
        "etag": f'"{found.tag}"',
    }
    if name in FRAMED:
        headers["cross-origin-resource-policy"] = "cross-origin"
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, media_type=found.media_type, headers={**headers, "content-encoding": "gzip"})
    return Response(found.content, media_type=found.media_type, headers=headers)
