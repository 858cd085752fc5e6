"""Requests to containers, and their answers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from typing import BinaryIO

_BREAKS = re.compile(r"[\r\n\0]")


@dataclass(slots=True)
class Answer:
    """A whole answer. Header names are lower-case. `file`: contains the body instead of `body`, if a large one was fetched."""

    status: int
    headers: dict[str, str]
    body: bytes
    file: BinaryIO | None = None


@dataclass(slots=True)
class UpstreamRequest:
    """A request. `headers` may contain a client's headers: they are checked here.

    `pieces`: sent instead of `body`, in chunks unless their `length` in bytes is given.
    """

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    pieces: AsyncIterable[bytes] | None = None
    length: int | None = None

    @property
    def chunked(self) -> bool:
        return self.pieces is not None and self.length is None

    def head(self) -> bytes:
        length = len(self.body) if self.pieces is None else self.length
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        lines = [f"{self.method} {self.path} HTTP/1.1", framing]
        if "host" not in self.headers:
            lines.append("Host: localhost")
        lines += [f"{name}: {value}" for name, value in self.headers.items() if not _BREAKS.search(value)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
