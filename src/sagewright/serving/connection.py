"""One connection: HTTP/1.1 with keep-alive; responses are sent in the order of the requests."""

from __future__ import annotations

import asyncio
import re
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import httptools

from sagewright.serving.messages import Request, Response

MOST_HEADER_BYTES = 64 << 10
LINGER_S, LINGER_BYTES = 2.0, 32 << 20
"""Limits of time and bytes for discarding input of a refused client: closed at once, it might not read the reason."""
_WHOLE = 64 << 10
"""Size up to which head and body are written together."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TEXT = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OWN = {
    *("content-type", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "trailer", "te"),
    *("proxy-connection", "date", "server"),
}
"""Headers that only the server sets."""
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class ServedRequest:
    """A request, and the means to respond. All but `request` is for the event loop's thread."""

    __slots__ = ("_connection", "_keep_alive", "request")

    def __init__(self, connection: Connection, request: Request, keep_alive: bool) -> None:
        self.request = request
        self._connection = connection
        self._keep_alive = keep_alive

    @property
    def is_gone(self) -> bool:
        """Returns True if the client no longer waits for the response."""
        return self._connection.is_closed

    def send(self, response: Response) -> None:
        """Sends a whole response. Only once, unless `begin` was called."""
        assert isinstance(response.body, bytes)
        keep = self._keeps()
        head = _head(response, keep, b"content-length: %d" % len(response.body))
        if len(response.body) <= _WHOLE:
            self._connection.write(head + response.body)
        else:
            self._connection.write(head)
            self._connection.write(response.body)
        self._connection.answered(self, keep)

    def begin(self, response: Response) -> None:
        """Sends the head of a response that is streamed."""
        self._connection.write(_head(response, self._keeps(), b"transfer-encoding: chunked"))

    def part(self, part: bytes, taken: Callable[[], None]) -> None:
        """`taken` is called when the client has received most of what was written, or has disconnected."""
        if part:  # an empty one would be the end
            self._connection.write(b"%x\r\n%s\r\n" % (len(part), part))
        self._connection.when_writable(taken)

    def end(self, whole: bool) -> None:
        """`whole`: True if all parts were sent; otherwise the connection is closed, which signals the error to the client."""
        if whole:
            self._connection.write(b"0\r\n\r\n")
        self._connection.answered(self, whole and self._keeps())

    def _keeps(self) -> bool:
        return self._keep_alive and not self._connection.is_ending


class Connection(asyncio.Protocol):
    """`take` receives each request, one after the other; `body_bytes` is the maximum body size; `others`: all open connections,
    whose changes are reported to `changed`."""

    def __init__(
        self,
        take: Callable[[ServedRequest], None],
        body_bytes: int,
        others: set[Connection],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._take, self._body_bytes, self._others, self._changed = take, body_bytes, others, changed
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._waiting: deque[ServedRequest] = deque()
        self._current: ServedRequest | None = None
        self._writable = True
        self._drained: list[Callable[[], None]] = []
        self.is_closed = False
        self.is_ending = False
        self._passed_over: int | None = None
        self.on_message_begin()

    @property
    def is_busy(self) -> bool:
        return self._current is not None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._others.add(self)
        self._changed()

    def connection_lost(self, _error: BaseException | None) -> None:
        self.is_closed = True
        self._others.discard(self)
        self._changed()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._passed_over is not None:
            self._passed_over += len(data)
            if self._passed_over > LINGER_BYTES:
                self.end()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(HTTPStatus.BAD_REQUEST, "Protocol upgrades are not supported.")
        except httptools.HttpParserCallbackError:
            traceback.print_exc()
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "The request could not be accepted.")
        except httptools.HttpParserError as error:
            if not self.is_ending:
                self._refuse(HTTPStatus.BAD_REQUEST, f"This is not an HTTP request: {error}")

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        told, self._drained = self._drained, []
        for tell in told:
            tell()

    def when_writable(self, tell: Callable[[], None]) -> None:
        """Calls `tell` when the client has received most of what was written, or has disconnected."""
        if self._writable or self.is_closed:
            tell()
        else:
            self._drained.append(tell)

    def write(self, data: bytes) -> None:
        if self._can_be_used:
            self._transport.write(data)

    def answered(self, exchange: ServedRequest, keep: bool) -> None:
        """Handles a completed response; the next request can follow."""
        if exchange is not self._current:
            return
        self._current = None
        if not keep:
            self.end()
        elif self._waiting:
            self._start(self._waiting.popleft())
        elif self._can_be_used:
            self._transport.resume_reading()

    def end(self) -> None:
        """Accepts no more requests, and closes when the current one is answered."""
        self.is_ending = True
        if self._current is None and self._can_be_used:
            self._transport.close()

    @property
    def _can_be_used(self) -> bool:
        """Returns True if the transport is usable: on a closed one, uvloop raises in whatever code reads."""
        return self._transport is not None and not self.is_closed and not self._transport.is_closing()

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._body: list[bytes] = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        length = self._headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._body_bytes:
            self._refuse_size()
        elif self._headers.get("expect", "").lower() == "100-continue":
            self.write(_CONTINUE)

    def on_body(self, part: bytes) -> None:
        if self.is_ending:
            return
        self._size += len(part)
        if self._size > self._body_bytes:
            self._refuse_size()
        else:
            self._body.append(part)

    def on_message_complete(self) -> None:
        if self.is_ending:
            return
        headers = self._headers
        request = Request(
            self._body[0] if len(self._body) == 1 else b"".join(self._body),
            headers.get("content-type", ""),
            headers.get("accept", ""),
            headers,
            self._parser.get_method().decode("latin-1"),
            self._url.partition(b"?")[0].decode("latin-1"),
        )
        self._body = []
        exchange = ServedRequest(self, request, self._parser.should_keep_alive())
        if self._current is None:
            self._start(exchange)
        else:
            self._waiting.append(exchange)

    def _start(self, exchange: ServedRequest) -> None:
        self._current = exchange
        if self._can_be_used:
            self._transport.pause_reading()
        self._take(exchange)

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > MOST_HEADER_BYTES and not self.is_ending:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large.")

    def _refuse_size(self) -> None:
        limit = self._body_bytes
        self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Request Entity Too Large: a body may have {limit} bytes.")

    def _refuse(self, status: int, message: str) -> None:
        body = message.encode()
        if self._current is None:
            self.write(_head(Response(body, status=status), False, b"content-length: %d" % len(body)) + body)
        if self._current is None and self._can_be_used and self._transport.can_write_eof():
            self.is_ending, self._passed_over = True, 0
            self._transport.write_eof()
            asyncio.get_running_loop().call_later(LINGER_S, self.end)
        else:
            self.end()


def _head(response: Response, keep: bool, length: bytes) -> bytes:
    phrase = _PHRASES.get(response.status, "")
    kind = response.content_type.replace("\r", " ").replace("\n", " ")
    further = _further(response.headers) if response.headers else ""
    lines = f"HTTP/1.1 {response.status} {phrase}\r\ncontent-type: {kind}\r\n{further}".encode("latin-1", "replace")
    return lines + length + (b"\r\n\r\n" if keep else b"\r\nconnection: close\r\n\r\n")


def _further(headers: Mapping[str, str]) -> str:
    """Returns the lines of those headers that can be sent, up to the limit of clients."""
    lines, left = [], MOST_HEADER_BYTES // 2
    for name, value in headers.items():
        can_be = name.lower() not in _OWN and _TOKEN.fullmatch(name) and _TEXT.fullmatch(value)
        if can_be and len(name) + len(value) <= left:
            left -= len(name) + len(value)
            lines.append(f"{name}: {value.strip()}\r\n")
    return "".join(lines)
