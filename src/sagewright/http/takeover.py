"""Large bodies read straight from their socket by the thread that wants them, and files sent to it by the kernel.

Through ASGI each 64 KB of a body is copied five times and wakes two threads; so a request may take its connection over
for as long as its body lasts, and an answer for as long as its file does. uvicorn has no name for that, and what is done
to its protocol stands here alone.
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
"""How long a thread waits for a sender before it gives its slot to another: that takes the event loop's time."""


class TakeoverProtocol(GuardedProtocol):
    """Each request's scope says by which connection it came."""

    def on_headers_complete(self) -> None:
        if self._mute:
            return
        super().on_headers_complete()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope[EXTENSION] = self
        self.cycle.transport = JoinedTransport(self.transport, self.loop)  # type: ignore[assignment]

    def _leave(self, last: bytes) -> None:
        if self.cycle is not None and isinstance(self.cycle.transport, JoinedTransport):
            self.cycle.transport.flush()
        super()._leave(last)

    def is_whole(self, scope: Any) -> bool:
        """Whether all of the body of the request with this scope has come."""
        return self.cycle.scope is scope and not self.cycle.more_body

    def take(self, scope: Any, length: int, read: bytes = b"") -> SocketBody | None:
        """The body of the request with this scope, `read` being what was read of it; None where it cannot be had so."""
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
        """Whether the client sends the body of its request only once it is told to, and was not."""
        return self.cycle.waiting_for_100_continue and self.cycle.more_body

    def close_after(self) -> None:
        """The answer that comes next is the last on this connection."""
        self.cycle.keep_alive = False

    def tell_to_go_on(self) -> None:
        """From any thread."""
        self.cycle.waiting_for_100_continue = False
        self.loop.call_soon_threadsafe(self.transport.write, b"HTTP/1.1 100 Continue\r\n\r\n")

    def lend(self, scope: Any) -> Loan | None:
        """The connection, for an answer with this scope whose head was written just now; None where it cannot be had so."""
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

    def give_back(self, left: int) -> None:
        """Go on with what follows, beginning with the `left` bytes of the body that nobody read.

        The parser that was here waits for the whole body; a new one is told of a request with what is left of it.
        """
        self.restart(b"content-length: %d" % left)


@dataclass(frozen=True)
class Loan:
    """A connection on which `head` and all of the body are to be sent by who has it; one of `returned`, `broken` follows."""

    cycle: Any
    connection: socket.socket
    head: bytes

    def returned(self) -> None:
        """All was sent; the answer is still to be ended with an empty body."""
        self.cycle.expected_content_length = 0

    def broken(self) -> None:
        """The receiver has gone."""
        self.cycle.disconnected = True
        self.cycle.transport.abort()


class SocketBody:
    """A body of `length` bytes, `begun` with what had been read of it. Read by one thread that is not the event loop's.

    `pool`: whose slot that thread has, and gives to another while it waits.
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
        """Exactly `size` bytes but at the end. Raises IncompleteBody, RequestTimeout."""
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
        """Return when there is something to be read. Raises RequestTimeout."""
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
        """To be called from the event loop, before the answer is sent; not `answered`: whoever reads stops at once."""
        if not answered:
            self._connection.shutdown(socket.SHUT_RD)
        self._connection.close()
        self._protocol.give_back(self._left - len(self._begun))
