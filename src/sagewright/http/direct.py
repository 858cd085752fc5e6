"""Small requests that arrive whole and are answered without ASGI, whose scope, messages and task cost more than their route.

A handler that declines one gets it as an ordinary request, as if nothing had happened.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from sagewright.http.asgi import client_scheme
from sagewright.http.body import BytesBody
from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.http.takeover import TakeoverProtocol

MOST_BODY = 64 * 1024
_LENGTH = b"content-length: "

log = logging.getLogger("sagewright.http")

Direct = Callable[["DirectExchange"], bool]
"""Accepts a request, and answers it now or later; returns False to decline it."""


class DirectExchange:
    """One request, and the means to answer it. Takes the place of uvicorn's cycle while it is in progress, hence most names."""

    __slots__ = (
        "body", "disconnected", "headers", "keep_alive", "left", "method", "more_body", "protocol", "response_complete",
        "response_started", "scope", "transport", "url", "waiting_for_100_continue",
    )  # fmt: skip

    def __init__(self, protocol: DirectProtocol, body: bytes) -> None:
        self.protocol, self.transport, self.body = protocol, protocol.transport, body
        self.method, self.url, self.headers = protocol.parser.get_method(), protocol.url, protocol.headers
        self.keep_alive = protocol.keeps_alive
        self.response_started = self.response_complete = self.disconnected = False
        self.more_body = self.waiting_for_100_continue = False
        self.scope: Any = None
        self.left: Callable[[], None] | None = None
        """Called if the client disconnects before it is answered."""

    @property
    def message_event(self) -> DirectExchange:
        return self

    def set(self) -> None:
        """Handles the event by which uvicorn's cycle reports that a client has disconnected."""
        left, self.left = self.left, None
        if left is not None and self.disconnected and not self.response_complete:
            left()

    def has_left(self, patience_s: float) -> bool:
        return self.protocol.has_left(patience_s)

    def request(self) -> HttpRequest | None:
        """Returns the request, whose URL has to be a path alone; None if it has a header twice, or a transfer coding."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers}
        if len(headers) != len(self.headers) or "transfer-encoding" in headers:
            return None
        protocol = self.protocol
        scheme = client_scheme({"client": protocol.client, "scheme": "https" if protocol.by_tls else "http"}, headers)
        method, path = self.method.decode("ascii"), self.url.decode("latin-1")
        return HttpRequest(method, path, "", headers, BytesBody(self.body), scheme, protocol.address)

    def respond(self, response: HttpResponse) -> None:
        """`answer`, for a response with a body in memory."""
        assert isinstance(response.body, bytes)
        lines = "".join([f"{name.lower()}: {value}\r\n" for name, value in response.headers])
        self._send(response.status, lines.encode("latin-1"), len(response.headers), response.body)

    def decline(self, key: str, value: Any) -> bool:
        """Adds what is known of this request to the scope in which the application gets it; returns False for the handler."""
        scope: Any = self.protocol.scope
        scope[key] = value
        return False

    def prove(self) -> None:
        """Marks the client as authenticated."""
        if not self.protocol.proven:
            self.protocol.prove()

    def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Sends the whole response, with its length, for HEAD without the body. Raises ValueError for a header with a line
        break."""
        self._send(status, b"".join([b"%b: %b\r\n" % line for line in headers]), len(headers), body)

    def _send(self, status: int, lines: bytes, number: int, body: bytes) -> None:
        """`lines`: the headers, of which there are `number`."""
        self.left = None
        if self.disconnected:
            return
        if status not in {204, 304} and not (lines.startswith(_LENGTH) or b"\r\n" + _LENGTH in lines):
            lines, number = b"%bcontent-length: %d\r\n" % (lines, len(body)), number + 1
        self.protocol.answer_directly(self, status, (lines, number), b"" if self.method == b"HEAD" else body)


class DirectProtocol(TakeoverProtocol):
    """A protocol that offers whole requests to the handler `connections.direct`."""

    _parts: list[bytes] | None = None
    """The body of a request whose head has arrived, and that may be answered directly."""

    @property
    def keeps_alive(self) -> bool:
        return self.parser.get_http_version() != "1.0" and bool(self.parser.should_keep_alive())

    def on_headers_complete(self) -> None:
        may_be = (
            self._all.direct is not None
            and self.url.startswith(self._all.direct_prefix)
            and not self._mute
            and not self._busy
        )
        if may_be and not self.expect_100_continue and self.parser.get_method() in self._all.direct_methods:
            self._parts = []
            self._in_head, self._unparsed, self._body_open = False, 0, True  # what follows is not part of a head
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._parts is None:
            super().on_body(body)
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        parts, self._parts = self._parts, None
        if parts is None:
            super().on_message_complete()
        elif not self._accepted(parts):
            self._as_ordinary(parts)
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        parts, self._parts = self._parts, None
        if parts is not None and not self._leaving:  # more of it is still to come
            self._as_ordinary(parts)

    def _as_ordinary(self, parts: list[bytes]) -> None:
        super().on_headers_complete()
        for part in parts:
            super().on_body(part)

    def _accepted(self, parts: list[bytes]) -> bool:
        direct = self._all.direct
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if direct is None or len(body) > MOST_BODY or self._all.retiring_s is not None or self.parser.should_upgrade():
            return False
        if self.crowded or self._leaving or self.flow.write_paused:
            return False
        exchange: Any = DirectExchange(self, body)
        before = self.cycle, self._serving
        self.cycle = self._serving = exchange
        if not _offered(direct, exchange):
            self.cycle, self._serving = before
            return False
        self._body_open, self._left = False, None
        return True

    def answer_directly(self, exchange: DirectExchange, status: int, headers: tuple[bytes, int], body: bytes) -> None:
        """`headers`: their lines, and how many there are. Raises ValueError."""
        lines, number = headers
        own = [*self.server_state.default_headers]
        if not exchange.keep_alive:
            own.append((b"connection", b"close"))
        head = b"".join([STATUS_LINE[status], *[b"%b: %b\r\n" % line for line in own], lines])
        ends = len(own) + number + 1
        if head.count(b"\n") != ends or head.count(b"\r") != ends or b"\0" in head:
            raise ValueError("a header has a line break")
        exchange.response_started = exchange.response_complete = True
        if self.transport.is_closing():
            return
        self.transport.write(head + b"\r\n" + body)
        if not exchange.keep_alive:
            self.transport.close()
        self.on_response_complete()


def _offered(direct: Direct, exchange: DirectExchange) -> bool:
    """A handler that fails before it accepts has declined: the ordinary path reports the error."""
    try:
        return direct(exchange)
    except Exception:
        log.exception("a request could not be answered directly")
        return False
