"""The ASGI application under `/docs`."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sagewright.docsite.manifest import BUILT, MANIFEST, DocsSite, SiteFile, read_site
from sagewright.docsite.pages import PAGE_POLICY, missing_page, unbuilt_page
from sagewright.http import asgi
from sagewright.http.messages import FileBody, HttpResponse

ROOT = "/docs"
PIECE = 64 * 1024
YEAR_S = 365 * 24 * 3600
HTML = "text/html; charset=utf-8"
MISSING = "404.html"
_SIGNED = (b"x-amz-signature=", b"x-amz-credential=", b"awsaccesskeyid=")
_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Vary", "Accept-Encoding"),
]


class DocsApplication:
    """Serves the site in `folder`, whose manifest is read by the first request below `/docs`."""

    def __init__(self, folder: Path = BUILT) -> None:
        self._folder = folder
        self._site: DocsSite | None = None
        self._built_ns = 0

    def takes(self, scope: Any) -> bool:
        """Returns True unless the request is for a bucket named `docs`: those are signed, name a bucket in their host, or
        request neither a page of the site nor HTML."""
        path: str = scope["path"]
        if path != ROOT and not path.startswith(f"{ROOT}/"):
            return False
        headers = dict(scope["headers"])
        query = scope["query_string"].lower()
        if (
            scope["method"] not in ("GET", "HEAD")
            or b"authorization" in headers
            or any(one in query for one in _SIGNED)
            or b".s3." in headers.get(b"host", b"")
            or headers.get(b"host", b"").partition(b":")[0].endswith(b".localhost")
        ):
            return False
        site, name = self.site(), path[len(ROOT) + 1 :]
        known = not name if site is None else name in site.files or f"{name}/" in site.files
        return known or b"text/html" in headers.get(b"accept", b"")

    def site(self) -> DocsSite | None:
        """Returns the built site, or None; reads it again when it has been built anew."""
        try:
            built_ns = (self._folder / MANIFEST).stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if self._site is None or built_ns != self._built_ns:
            self._site, self._built_ns = read_site(self._folder), built_ns
        return self._site

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        await asgi.send_response(self._answer(scope["path"][len(ROOT) :], dict(scope["headers"])), scope, send)

    def _answer(self, path: str, headers: dict[bytes, bytes]) -> HttpResponse:
        site, name = self.site(), path.removeprefix("/")
        if site is None:
            return _page(404, unbuilt_page())
        if not path or (name not in site.files and f"{name}/" in site.files):
            return HttpResponse(308, [*_HEADERS, ("Location", f"{ROOT}/{name}/".replace("//", "/"))])
        found = site.files.get(name)
        if found is not None:
            return _file(200, found, site.policy, headers)
        if MISSING in site.files:
            return _file(404, site.files[MISSING], site.policy, headers)
        return _page(404, missing_page())


def _page(status: int, content: str) -> HttpResponse:
    headers = [("Content-Type", HTML), ("Content-Security-Policy", PAGE_POLICY), ("Cache-Control", "no-store")]
    return HttpResponse(status, [*_HEADERS, *headers], content.encode())


def _file(status: int, file: SiteFile, policy: str, asked: dict[bytes, bytes]) -> HttpResponse:
    """Answers a file, or 304 for a client that has it."""
    packed = file.packed_size > 0 and b"gzip" in asked.get(b"accept-encoding", b"")
    tag = f'"{file.tag}-gz"' if packed else f'"{file.tag}"'
    headers = [
        *_HEADERS,
        ("ETag", tag),
        ("Cache-Control", f"public, max-age={YEAR_S}, immutable" if file.lasting else "no-cache"),
    ]
    if status == 200 and tag.encode() in [one.strip() for one in asked.get(b"if-none-match", b"").split(b",")]:
        return HttpResponse(304, headers)
    headers.append(("Content-Type", file.media_type))
    if file.media_type == HTML:
        headers.append(("Content-Security-Policy", policy))
    if packed:
        body = FileBody(file.path, 0, file.packed_size)
        return HttpResponse(status, [*headers, ("Content-Encoding", "gzip")], body)
    if not file.packed_size:
        return HttpResponse(status, headers, FileBody(file.path, 0, file.size))
    return HttpResponse(status, [*headers, ("Content-Length", str(file.size))], _unpacked(file.path))


def _unpacked(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        while piece := file.read(PIECE):
            yield piece
