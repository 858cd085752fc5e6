"""Large bodies read directly from their socket by the thread that needs them, and files sent to it by the kernel.

Through ASGI each 64 KB of a body are copied five times and wake two threads; so a request can take over its connection while its
body is read, and a response while its file is sent. uvicorn has no API for that; all changes to its protocol are here.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from dataclasses import dataclass
from typing import Any

from sagewright.http.body import incomplete_body, too_slow
from sagewright.http.joined import JoinedTransport
from sagewright.http.limits import BodyPace
from sagewright.http.pools import CallPool
from sagewright.http.protocol import GuardedProtocol

EXTENSION = "sagewright.takeover"
PATIENCE_MS = 50
"""Time that a thread waits for a sender before it releases its slot, which costs the event loop time."""


class TakeoverProtocol(GuardedProtocol):
    """A protocol that adds its connection to each request's scope."""

    def on_headers_complete(self) -> None:
        if self._mute:
            return
        super().on_headers_complete()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope[EXTENSION] = self
        if self.by_tls:
            scope["scheme"] = "https"
        self.cycle.transport = JoinedTransport(self.transport, self.loop)  # type: ignore[assignment]

    def _leave(self, last: bytes) -> None:
        if self.cycle is not None and isinstance(self.cycle.transport, JoinedTransport):
            self.cycle.transport.flush()
        super()._leave(last)

    def is_whole(self, scope: Any) -> bool:
        """Returns True if the whole body of the request with this scope has arrived."""
        return self.cycle.scope is scope and not self.cycle.more_body

    def take(self, scope: Any, length: int, read: bytes = b"") -> SocketBody | None:
        """Returns the body of the request with this scope, beginning with `read`, the bytes already read; None if it can't be taken
        over."""
        cycle = self.cycle
        ours = cycle.scope is scope and not cycle.disconnected and cycle.more_body
        if not ours or self.pipeline or self.scheme != "http" or len(read) + len(cycle.body) >= length:
            return None
        connection: Any = self.transport.get_extra_info("socket")
        if connection is None:
            return None
        self.flow.pause_reading()
        begun, cycle.body = read + bytes(cycle.body), bytearray()
        own = socket.socket(fileno=os.dup(connection.fileno()))
        return SocketBody(self, own, begun, length)

    @property
    def waits_to_be_told(self) -> bool:
        """Returns True if the client waits for 100 Continue before it sends its body."""
        return self.cycle.waiting_for_100_continue and self.cycle.more_body

    def close_after(self) -> None:
        """Closes the connection after the next response."""
        self.cycle.keep_alive = False

    def tell_to_go_on(self) -> None:
        """Sends 100 Continue; from any thread."""
        self.cycle.waiting_for_100_continue = False
        self.loop.call_soon_threadsafe(self.transport.write, b"HTTP/1.1 100 Continue\r\n\r\n")

    def lend(self, scope: Any) -> Loan | None:
        """Lends the connection for a response with this scope whose head was just written; None if it can't be taken over."""
        cycle = self.cycle
        ours = cycle.scope is scope and not cycle.disconnected and not self.transport.is_closing()
        if not ours or self.scheme != "http" or self.transport.get_write_buffer_size():
            return None
        connection: Any = self.transport.get_extra_info("socket")
        head = cycle.transport.take_head() if isinstance(cycle.transport, JoinedTransport) else None
        if connection is None or head is None:
            return None
        own = socket.socket(fileno=os.dup(connection.fileno()))
        return Loan(cycle, own, head)

    def detach(self, scope: Any) -> socket.socket | None:
        """Returns the connection of the request with this scope, which gets no response here: its protocol changes. None if other
        requests or responses are on it, or its body has not been read."""
        cycle = self.cycle
        ours = cycle.scope is scope and not (cycle.disconnected or cycle.response_started or cycle.more_body)
        if not ours or self.pipeline or self.scheme != "http" or self._is_unfinished:
            return None
        connection: Any = self.transport.get_extra_info("socket")
        if connection is None:
            return None
        own = socket.socket(fileno=os.dup(connection.fileno()))
        own.setblocking(False)
        self._abandon()
        return own

    def move(self, scope: Any) -> bool:
        """Moves the connection to the other process with the request of this scope, whose head was parsed here. Returns False if it
        stays: chunks of a body cannot be put together again."""
        cycle, moving = self.cycle, self._all.moving
        ours = cycle.scope is scope and not (cycle.disconnected or cycle.response_started)
        chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
        if moving is None or not ours or self.pipeline or self.scheme != "http" or chunked:
            return False
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        lines = [b"%b %b HTTP/%b" % (scope["method"].encode(), target, scope["http_version"].encode())]
        lines += [b"%b: %b" % header for header in scope["headers"]]
        return moving(self, b"\r\n".join(lines) + b"\r\n\r\n" + bytes(cycle.body))

    def give_back(self, left: int) -> None:
        """Resumes parsing, beginning with the `left` unread bytes of the body.

        The previous parser waits for the whole body; a new one parses a request with the rest of it.
        """
        self.restart(b"content-length: %d" % left)


@dataclass(frozen=True)
class Loan:
    """A connection on which the borrower sends `head` and the whole body, followed by one of `returned`, `broken`."""

    cycle: Any
    connection: socket.socket
    head: bytes

    def returned(self) -> None:
        """Reports that the whole body was sent; the response must still be ended with an empty body."""
        self.cycle.expected_content_length = 0

    def broken(self) -> None:
        """Reports that the receiver has disconnected."""
        self.cycle.disconnected = True
        self.cycle.transport.abort()


class SocketBody:
    """A body of `length` bytes, beginning with `begun`, the bytes already read. Read by one thread other than the event loop's.

    `pool`: the pool whose slot the thread occupies, and releases while it waits.
    """

    def __init__(self, protocol: TakeoverProtocol, connection: socket.socket, begun: bytes, length: int) -> None:
        self.length = length
        self.pool: CallPool | None = None
        self.pace = BodyPace()
        self._protocol, self._connection = protocol, connection
        self._begun, self._left = begun, length
        self._waited_s = 0.0
        self._ready = select.poll()
        self._ready.register(connection.fileno(), select.POLLIN)
        connection.setblocking(False)

    def read(self, size: int = -1, /) -> bytes:
        """Returns exactly `size` bytes, except at the end. Raises IncompleteBody, RequestTimeout."""
        wanted = self._left if size < 0 else min(size, self._left)
        pieces: list[bytes] = []
        while wanted:
            piece = self._piece(wanted)
            wanted -= len(piece)
            self._left -= len(piece)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _piece(self, size: int) -> bytes:
        if self._begun:
            piece, self._begun = self._begun[:size], self._begun[size:]
            return piece
        if self._protocol.waits_to_be_told:
            self._protocol.tell_to_go_on()
        while True:
            try:
                piece = self._connection.recv(size)
            except BlockingIOError:
                self._wait()
                continue
            except OSError:
                raise incomplete_body() from None
            if not piece:
                raise incomplete_body()
            return piece

    def _wait(self) -> None:
        """Waits for readable bytes. Raises RequestTimeout."""
        if self._ready.poll(PATIENCE_MS):
            return
        begin = time.monotonic()
        due_s = self.pace.due(self._waited_s, self.length - self._left)
        with self.pool.away() if self.pool else contextlib.nullcontext():
            came = due_s > 0 and self._ready.poll(1000 * due_s)
        self._waited_s += time.monotonic() - begin
        if not came:
            raise too_slow()

    def end(self, *, answered: bool) -> None:
        """Ends the body; called from the event loop before the response is sent. If not `answered`, readers stop at once."""
        if not answered:
            self._connection.shutdown(socket.SHUT_RD)
        self._connection.close()
        self._protocol.give_back(self._left - len(self._begun))
