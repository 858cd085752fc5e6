"""HTTP requests and responses, as handlers see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl


class BodyReader(Protocol):
    """A request's body, read once from a worker thread.

    `read(n)` returns at most `n` bytes (the rest for -1), b"" at the end. It raises AwsError if the bytes don't match the declared
    length, digest or signature. `length`: the announced size, or None.
    """

    @property
    def length(self) -> int | None: ...

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass
class HttpRequest:
    """`path` and `query` are raw (percent-encoded as sent); header names are lower-case. `address`: the client's."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: BodyReader
    scheme: str = "http"
    address: str = ""

    @property
    def host(self) -> str:
        return self.headers.get("host", "")

    @property
    def base_url(self) -> str:
        return f"{self.scheme}://{self.host}"

    def query_pairs(self) -> list[tuple[str, str]]:
        """Returns decoded query parameters in order; a parameter without `=` has the value ""."""
        return parse_qsl(self.query, keep_blank_values=True)


@dataclass(frozen=True)
class FileBody:
    """A response body that is a slice of a file; it is streamed rather than loaded."""

    path: Path
    offset: int
    length: int


@dataclass
class HttpResponse:
    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | FileBody | Iterator[bytes] = b""


def header_text(raw: str) -> str:
    """Decodes a header value: servers read headers as Latin-1, clients write UTF-8."""
    try:
        return raw if raw.isascii() else raw.encode("latin-1").decode()
    except UnicodeError:
        return raw
