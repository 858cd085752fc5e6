"""Error responses of the HTTP server itself, to input that is not a request that can be passed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True)
class Refusal:
    """`code`: machine-readable."""

    status: int
    code: str
    message: str


BAD_REQUEST = Refusal(400, "BadRequest", "An error occurred when parsing the HTTP request.")
HEAD_TOO_LARGE = Refusal(
    431, "RequestHeaderSectionTooLarge", "Your request line and headers exceed the maximum allowed size."
)
HEAD_TOO_SLOW = Refusal(408, "RequestTimeout", "The headers of your request did not arrive within the timeout period.")
TOO_MANY_AHEAD = Refusal(400, "BadRequest", "Too many requests were sent ahead on this connection.")
NO_TUNNELS = Refusal(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")

Render = Callable[[Refusal], tuple[str, bytes]]
"""Returns the content type and the body of a refusal."""


def plain(refusal: Refusal) -> tuple[str, bytes]:
    return "text/plain; charset=utf-8", f"{refusal.code}: {refusal.message}\n".encode()


def answer(refusal: Refusal, render: Render) -> bytes:
    """Returns the whole response, after which the connection is closed."""
    kind, body = render(refusal)
    head = (
        f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\ncontent-type: {kind}\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
