"""HTTP/1.1 on uvicorn with limits: on heads, pipelined requests, times, and bytes buffered for unauthenticated clients."""

from __future__ import annotations

from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from sagewright.http import refusals
from sagewright.http.connections import Connections
from sagewright.http.passage import Passage
from sagewright.http.refusals import Refusal
from sagewright.http.tlsnames import client_behind


class RequestRefused(Exception):
    """Raised through the parser; `refusal` is the response."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Its timeouts are checked by the sweeps of `connections` instead of a timer per request."""

    def __init__(
        self, *arguments: Any, connections: Connections | None = None, begun: bytes = b"", **named: Any
    ) -> None:
        """`begun`: first bytes of the connection, if another process has read them."""
        super().__init__(*arguments, **named)
        self._begun = begun
        self._all = Connections() if connections is None else connections
        self._limits = self._all.limits
        self._most_head, self._most_fields = self._limits.head, self._limits.fields
        self.address, self.proven, self.held, self.crowded = "", False, 0, False
        self.by_tls = False  # the client's own connection is TLS, which ended in another process
        self._since = 0.0  # loop time since when it waits for a request, its head or its end
        self._in_head = self._body_open = False
        self._unparsed = self._head = self._fields = 0  # bytes since the last head; bytes and fields of this one
        self._left: int | None = None  # bytes to discard before the connection is closed
        self._farewell: bytes | None = None  # last bytes to send, after the responses before them
        self._leaving = self._mute = False
        self._stuck = (0, 0.0)
        self._serving: Any = None
        self._ended_at: float | None = None

    # Connection.

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        behind = client_behind(transport) if self.client is None else None
        if behind is not None:
            self.client, self.by_tls = (behind, 0), True
        self.address = self.client[0] if self.client else ""
        self._since = self.loop.time()
        self._all.add(self)
        if self._begun:
            self.data_received(self._begun)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.remove(self)
        super().connection_lost(exc)
        if (
            self._serving is not None
        ):  # uvicorn only notifies the last request, but others can have been pipelined before it
            self._serving.disconnected = True
            self._serving.message_event.set()

    def prove(self) -> None:
        """Marks the connection as proven: a request on it was authenticated."""
        if not self.proven:
            self._all.prove(self)

    @property
    def idle(self) -> bool:
        """Returns True if it waits for a request."""
        return not self._busy and not self._in_head

    @property
    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _is_between(self) -> bool:
        """Returns True if nothing was read of the next request, and all earlier ones are answered."""
        return self.idle and not self._body_open and not self._unparsed and self._left is None

    def pass_on(self, passage: Passage, data: bytes) -> bool:
        """Moves the connection to another process; `data`: the first bytes of its next request. Returns False if it stays."""
        connection = self.transport.get_extra_info("socket")
        if connection is None or self.transport.get_write_buffer_size() or self.transport.is_closing():
            return False
        if not passage.pass_on(connection.fileno(), data):
            return False
        self._abandon()
        return True

    def _abandon(self) -> None:
        """Closes this process's descriptor; the connection stays open elsewhere."""
        self._leaving = True
        self.transport.abort()

    @property
    def _is_unfinished(self) -> bool:
        """Returns True if anything was read after the current request, or is still to be sent before its response."""
        return self._in_head or bool(self._unparsed) or bool(self.transport.get_write_buffer_size())

    def drop(self) -> None:
        self.transport.abort()

    def check(self, now: float) -> None:
        """Ends the connection if a timeout has passed."""
        limits, waited = self._limits, now - self._since
        if self._is_stuck(now):
            self.transport.abort()
        elif self._left is not None:
            if waited > limits.linger_s:
                self.transport.abort()
        elif self._busy:
            return
        elif self._in_head and waited > limits.head_s:
            self._refuse(refusals.HEAD_TOO_SLOW)
        elif not self._in_head and waited > self._most_idle_s:
            self.transport.close()

    @property
    def _most_idle_s(self) -> float:
        most_s = self._limits.idle_s if self.proven else self._limits.head_s
        retiring_s = self._all.retiring_s
        return most_s if retiring_s is None else min(most_s, retiring_s)

    def _is_stuck(self, now: float) -> bool:
        """Returns True if the receiver has accepted nothing of pending data for too long."""
        size, (before, since) = self.transport.get_write_buffer_size(), self._stuck
        if not size or size != before:
            self._stuck = (size, now)
            return False
        return now - since > self._limits.stall_s

    # Input.

    def data_received(self, data: bytes) -> None:
        size = len(data)
        if self._left is not None:
            self._left -= size
            if self._left < 0:
                self.transport.abort()
                return
        if self._leaving or self._farewell is not None:
            return
        if self._all.elsewhere is not None and self._is_between and self._all.elsewhere(self, data):
            return
        if not self.proven:
            self._all.hold(self, size)
            if self.transport.is_closing():
                return
        if not self._body_open:
            self._unparsed += size
        self._parse(data)
        if self._unparsed > self._most_head and not self._leaving:
            self._refuse(refusals.HEAD_TOO_LARGE)

    def _parse(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self._go_on_as_before()
            except httptools.HttpParserError as error:
                cause = error.__context__
                self._refuse(cause.refusal if isinstance(cause, RequestRefused) else refusals.BAD_REQUEST)
                return

    def _should_upgrade(self) -> bool:
        return False

    def _go_on_as_before(self) -> None:
        """Ignores an offer to upgrade the protocol. Otherwise the parser would treat the following bytes as the new protocol."""
        framing = [
            name + b": " + value for name, value in self.headers if name in {b"content-length", b"transfer-encoding"}
        ]
        self.restart(b"\r\n".join(framing or [b"content-length: 0"]))

    def restart(self, framing: bytes) -> None:
        """Replaces the parser by one that has read the head of the current request with these framing headers."""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._mute = True
        self.parser.feed_data(b"PUT / HTTP/1.1\r\n" + framing + b"\r\n\r\n")
        self._mute = False

    def on_message_begin(self) -> None:
        if self._mute:
            return
        super().on_message_begin()
        self._in_head, self._head, self._fields = True, 0, 0
        self._since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        if not self._mute:
            self._head += len(url)
            if self._head > self._most_head:
                raise RequestRefused(refusals.HEAD_TOO_LARGE)
            self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._mute or not self._in_head:  # a trailer is not a header, and was not checked as one
            return
        self._fields += 1
        self._head += len(name) + len(value)
        if self._head > self._most_head or self._fields > self._most_fields:
            raise RequestRefused(refusals.HEAD_TOO_LARGE)
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._mute:
            return
        self._in_head = False
        self._unparsed = 0
        if self.parser.get_method() == b"CONNECT":
            raise RequestRefused(refusals.NO_TUNNELS)
        if len(self.pipeline) >= self._limits.pipelined:
            raise RequestRefused(refusals.TOO_MANY_AHEAD)
        super().on_headers_complete()
        if self._all.retiring_s is not None:
            self.cycle.keep_alive = False
        self._body_open = True

    def on_message_complete(self) -> None:
        if self._mute or not self.parser.should_upgrade():
            self._body_open = False
            if not self._leaving:
                self._left = None
            super().on_message_complete()
            if self._serving is self.cycle:
                self._tell_to_go_on_without_body(self.cycle)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keeps the connection open: a client can close its side after a complete request, and still gets the response."""
        self._ended_at = self.loop.time()
        answerable = self._busy and not self._body_open and not self._leaving
        if answerable:
            self.cycle.keep_alive = False
        return answerable

    def has_left(self, patience_s: float) -> bool:
        """Returns True if the client has disconnected, or closed its side `patience_s` ago: then nothing more is sent to it."""
        ended = self._ended_at is not None and self.loop.time() - self._ended_at >= patience_s
        if ended and not self.transport.is_closing():
            self._serving.disconnected = True
            self._serving.message_event.set()
            self.transport.abort()
        return ended or self.transport.is_closing()

    # Output.

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.held:
            self._all.release(self)
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._farewell is not None:
            self._leave(self._farewell)
        else:
            self._since = self.loop.time()
            if self._body_open and not self.proven:
                self._left = self._limits.linger

    def answer(self, scope: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        """Sends the whole response to the request with this scope in one write; returns False if that is not possible.

        The headers include the length; they are checked for line breaks, as uvicorn does for each one.
        """
        cycle = self._serving
        if cycle.scope is not scope or cycle.disconnected or cycle.response_started or self.flow.write_paused:
            return False
        lines = [*cycle.default_headers, *headers]
        if not cycle.keep_alive:
            lines.append((b"connection", b"close"))
        head = STATUS_LINE[status] + b"".join([b"%b: %b\r\n" % line for line in lines])
        ends = len(lines) + 1
        if head.count(b"\n") != ends or head.count(b"\r") != ends or b"\0" in head:
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        self.transport.write(head + b"\r\n" + body)
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()
        return True

    def _refuse(self, refusal: Refusal) -> None:
        """Responds in place of the application, after the responses in progress, and closes the connection."""
        data = refusals.answer(refusal, self._all.render)
        if self._busy and self._body_open and self._forget_last():
            self._leave(data)
        elif self._busy:
            self._farewell = data
            self.flow.pause_reading()
        else:
            self._leave(data)

    def _forget_last(self) -> bool:
        """Drops the request whose body can't be read, since the refusal answers it; returns True if no earlier one is in
        progress."""
        if self.pipeline:
            self.pipeline.popleft()
            self.cycle = self.pipeline[0][0] if self.pipeline else self._serving
            return not self._busy
        if self.cycle.response_started:
            return False
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        return True

    def _leave(self, last: bytes) -> None:
        """Sends `last`, and closes the connection once the client has closed its side, or after a moment: closed at once, it might
        not be read."""
        self._leaving, self._since = True, self.loop.time()
        self._left = self._limits.linger
        self.transport.write(last)
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._serving = cycle
        self._tell_to_go_on_without_body(cycle)
        super()._start_asgi_task(cycle, app)

    def _tell_to_go_on_without_body(self, cycle: Any) -> None:
        """Sends 100 Continue for an empty body that waits for it, as S3 does, although no bytes follow.

        Older versions of botocore, such as 1.42, otherwise miss the response of their next such request, and wait until the
        connection is closed.
        """
        if cycle.waiting_for_100_continue and not cycle.more_body and not cycle.body and not cycle.response_started:
            cycle.waiting_for_100_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
