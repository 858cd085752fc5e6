"""One HTTP connection on a socket: `http.client` and the mail parser that it imports would be a third of a query's CPU time."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httptools

_PIECE = 1 << 18
MOST_BYTES = 256 << 20
"""Size of a response above which it is refused: a page of a list has less than a hundredth of it."""


class BrokenExchange(Exception):
    """The server went away, or did not answer in HTTP. `sent`: the request may have reached it."""

    def __init__(self, message: str, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class ParsedResponse:
    """A response while it is parsed; the methods are callbacks of httptools."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self.done = False

    def on_body(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > MOST_BYTES:
            raise ValueError(f"the response has more than {MOST_BYTES} bytes")
        self.pieces.append(piece)

    def on_message_complete(self) -> None:
        self.done = True


class HttpExchange:
    """Requests to one server, one after the other, on a connection that is kept."""

    def __init__(self, endpoint: str, timeout_s: float, authority: str = "") -> None:
        """`authority`: file with the certificate authority to trust, "" for the system's."""
        self._parts, self._timeout_s, self._authority = urlsplit(endpoint), timeout_s, authority or None
        self._socket: socket.socket | None = None

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Returns status and body. Raises BrokenExchange, after a second attempt if a kept connection was closed meanwhile."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
        kept = self._socket is not None
        try:
            return self._exchange(head.encode() + body)
        except BrokenExchange as error:
            if not kept or error.sent:
                raise
            return self._exchange(head.encode() + body)

    def _exchange(self, request: bytes) -> tuple[int, bytes]:
        response, received = ParsedResponse(), False
        parser = httptools.HttpResponseParser(response)
        try:
            connection = self._socket or self._connect()
            connection.sendall(request)
            while not response.done:
                piece = connection.recv(_PIECE)
                if not piece:
                    raise ConnectionResetError("the connection was closed")
                received = True
                parser.feed_data(piece)
        except (OSError, ValueError, httptools.HttpParserError) as error:
            self.close()
            timed_out = isinstance(error, TimeoutError)
            message = f"no response within {self._timeout_s:g} s" if timed_out else str(error)
            raise BrokenExchange(message, sent=received or timed_out) from error
        if not parser.should_keep_alive():
            self.close()
        return parser.get_status_code(), b"".join(response.pieces)

    def _connect(self) -> socket.socket:
        secure = self._parts.scheme == "https"
        host, port = self._parts.hostname or "", self._parts.port or (443 if secure else 80)
        made: Any = socket.create_connection((host, port), self._timeout_s)
        if secure:
            import ssl

            made = ssl.create_default_context(cafile=self._authority).wrap_socket(made, server_hostname=host)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = made
        return self._socket

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
