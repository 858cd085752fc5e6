"""HTTP/1.1 to a model server: connections that are kept, one request at a time on each."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httptools

MOST_CONNECTIONS = 64
"""To one server; further requests wait for one of these."""
MOST_BODY = 32 * 1024 * 1024
"""Of an answer that is kept whole; a stream is not."""
MOST_HEAD = 64 * 1024
_HIGH, _LOW = 1 << 20, 1 << 18
_IDLE_S = 30.0
_LOOK_S = 0.25
"""Between two looks at which answers are late: a timer for each request would cost more than its answer's parsing."""
_BREAKS = re.compile(r"[\r\n\0]")


class Unreachable(Exception):
    """No byte of the request was sent: it may be sent elsewhere."""


class Broken(Exception):
    """The server ended the connection before its answer was whole."""


class TooLong(Exception):
    """The answer is longer than is kept."""


@dataclass
class Answer:
    """A whole answer. Header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Ask:
    """A request. `headers` may hold what a client sent: they are checked here."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def head(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Content-Length: {len(self.body)}"]
        if "host" not in self.headers:
            lines.append("Host: localhost")
        lines += [f"{name}: {value}" for name, value in self.headers.items() if not _BREAKS.search(value)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


class _Connection(asyncio.Protocol):
    """One connection, and the answer that comes over it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.transport: Any = None
        self.open = True
        self._parser: Any = None
        self._writable = asyncio.Event()
        self._writable.set()
        self.reset()

    def reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.status = self.size = self.head = 0
        self.streams = self._paused = self._over = False
        self.headers: dict[str, str] = {}
        self.pieces: deque[bytes] = deque()
        self.complete = self.begun = False
        self.keep = True
        self._waiter: asyncio.Future[None] | None = None
        self._fault: Exception | None = None

    # The protocol.

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.set_write_buffer_limits(high=_HIGH, low=_LOW)

    def connection_lost(self, _error: Exception | None) -> None:
        self.open = False
        self._writable.set()
        if not self.complete:
            self._fault = self._fault or Broken("the connection was closed")
        self._wake()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        if self.complete:
            self._fail(Broken("the server said more than its answer"))
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(Broken("the answer offers another protocol"))
        except httptools.HttpParserError as error:
            self._fail(Broken(f"the answer is no HTTP: {error}"))

    def eof_received(self) -> None:
        return None

    def expire(self) -> None:
        """The answer comes too late."""
        self._fail(TimeoutError())

    def _fail(self, fault: Exception) -> None:
        self._fault = self._fault or fault
        self.open = False
        self.transport.abort()
        self._wake()

    # The parser.

    def on_message_begin(self) -> None:
        if self.complete:  # what follows an answer in the same bytes is nobody's
            self._over = True
            self.open = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._over:
            return
        self.head += len(name) + len(value)
        if self.head > MOST_HEAD:
            self._fail(TooLong(f"the answer's head has more than {MOST_HEAD} bytes"))
            return
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._over:
            return
        self.status = self._parser.get_status_code()
        self.keep = self._parser.should_keep_alive()
        self.begun = self.status >= 200
        if self.begun:
            self._wake()

    def on_body(self, data: bytes) -> None:
        if self._over:
            return
        self.size += len(data)
        if not self.streams and self.size > MOST_BODY:
            self._fail(TooLong(f"the answer has more than {MOST_BODY} bytes"))
            return
        self.pieces.append(data)
        if self.streams and self.size > _HIGH and not self._paused:
            self.transport.pause_reading()  # whoever reads it is slower
            self._paused = True
        self._wake()

    def on_message_complete(self) -> None:
        if self._over:
            return
        if not self.begun:  # 100 Continue
            self.headers = {}
            return
        self.complete = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # Who asks.

    async def send(self, ask: Ask, *, streams: bool = False) -> None:
        self.reset()
        self.streams = streams
        if not self.open or self.transport.is_closing():
            raise Unreachable("the connection is closed")
        head = ask.head()
        if len(ask.body) <= _LOW:
            self.transport.write(head + ask.body if ask.body else head)
        else:
            self.transport.write(head)
            self.transport.write(ask.body)
            await self._writable.wait()

    async def until(self, *, begun: bool) -> None:
        """Until the head is here, or else something more of the body. Raises Broken, TooLong."""
        while not (self.begun if begun else (self.pieces or self.complete)):
            if self._fault is not None:
                raise self._fault
            self._waiter = self._loop.create_future()
            await self._waiter
        self._waiter = None

    async def whole(self) -> Answer:
        while not self.complete and self._fault is None:
            self._waiter = self._loop.create_future()
            await self._waiter
        self._waiter = None
        if self._fault is not None and not self._over:
            raise self._fault
        body = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        return Answer(self.status, self.headers, body)

    async def stream(self) -> AsyncIterator[bytes]:
        while True:
            while self.pieces:
                piece = self.pieces.popleft()
                self.size -= len(piece)
                if self._paused and self.size < _LOW:
                    self.transport.resume_reading()
                    self._paused = False
                yield piece
            if self.complete:
                return
            await self.until(begun=False)

    @property
    def reusable(self) -> bool:
        return self.open and self.complete and self.keep and not self.transport.is_closing()

    def close(self) -> None:
        self.open = False
        if self.transport is not None:
            self.transport.abort()


class Upstream:
    """One server. `connect` gives a new connection to it, or raises OSError, at once."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._open = connect
        self._idle: deque[tuple[float, _Connection]] = deque()
        self._room = asyncio.Semaphore(MOST_CONNECTIONS)
        self._due: dict[_Connection, float] = {}
        self._looking = False

    async def ask(self, ask: Ask, timeout_s: float) -> Answer:
        """Raises Unreachable, Broken, TooLong, and TimeoutError, up to _LOOK_S late; the time for a connection counts, too."""
        due_s = asyncio.get_running_loop().time() + timeout_s
        await self._enter(timeout_s)
        try:
            connection = await self._connection()
            self._watch(connection, due_s)
            try:
                await connection.send(ask)
                answer = await connection.whole()
            except BaseException:
                connection.close()
                raise
            finally:
                del self._due[connection]
            self._keep(connection)
            return answer
        finally:
            self._room.release()

    async def _enter(self, timeout_s: float) -> None:
        """Take one of the connections that there may be, whose `_room` is to be released. Raises TimeoutError."""
        if not self._room.locked():
            await self._room.acquire()
            return
        async with asyncio.timeout(timeout_s):
            await self._room.acquire()

    def _watch(self, connection: _Connection, due_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._due[connection] = due_s
        if not self._looking:
            self._looking = True
            loop.call_at(min(due_s, loop.time() + _LOOK_S), self._look)

    def _look(self) -> None:
        """Once none is under way nobody looks any more."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in [one for one, due_s in self._due.items() if due_s <= now]:
            connection.expire()
        self._looking = bool(self._due)
        if self._looking:
            loop.call_later(_LOOK_S, self._look)

    async def begin(self, ask: Ask, timeout_s: float) -> Stream:
        """An answer that is read as it comes; `Stream.close` has to be called. Raises Unreachable, Broken, TimeoutError."""
        await self._enter(timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._connection()
                try:
                    await connection.send(ask, streams=True)
                    await connection.until(begun=True)
                except BaseException:
                    connection.close()
                    raise
        except BaseException:
            self._room.release()
            raise
        return Stream(self, connection)

    async def _connection(self) -> _Connection:
        now = asyncio.get_running_loop().time()
        while self._idle:
            since, connection = self._idle.pop()
            if connection.open and now - since < _IDLE_S:
                return connection
            connection.close()
        return await self._connect()

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            made = self._open()  # of this machine: accepted by the kernel
        except OSError as error:
            raise Unreachable(str(error)) from error
        made.setblocking(False)
        try:
            _transport, protocol = await loop.create_connection(_Connection, sock=made)
        except OSError as error:
            made.close()
            raise Unreachable(str(error)) from error
        return protocol

    def _keep(self, connection: _Connection) -> None:
        if connection.reusable:
            self._idle.append((asyncio.get_running_loop().time(), connection))
        else:
            connection.close()

    def release(self, connection: _Connection) -> None:
        self._keep(connection)
        self._room.release()

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[1].close()


class Stream:
    """An answer whose head is here."""

    def __init__(self, upstream: Upstream, connection: _Connection) -> None:
        self._upstream, self._connection = upstream, connection
        self.status, self.headers = connection.status, connection.headers

    def pieces(self) -> AsyncIterator[bytes]:
        """Raises Broken."""
        return self._connection.stream()

    async def body(self) -> bytes:
        return (await self._connection.whole()).body

    def close(self) -> None:
        self._upstream.release(self._connection)
