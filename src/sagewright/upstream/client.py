"""HTTP/1.1 to a model container: persistent connections, one exchange at a time on each, and a deadline for all of it."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import BinaryIO

from sagewright.upstream.connection import UpstreamConnection
from sagewright.upstream.errors import Broken, ContainerUnreachable, Stale, TooLong
from sagewright.upstream.messages import Answer, UpstreamRequest
from sagewright.upstream.share import MOST_CONNECTIONS, UpstreamShare

MOST_BODY = 32 * 1024 * 1024
"""Maximum bytes of an answer in memory; streams have no such limit."""
MOST_REFUSAL = 16 * 1024
"""Bytes kept of an answer that is not 2xx, if a stream or a file was requested."""
REFUSAL_S = 5.0
IDLE_S = 120.0
"""The longest silence of a stream."""
_KEPT_S = 30.0
_IN_MEMORY = 1 << 20

Connect = Callable[[], Awaitable[socket.socket]]
"""Returns a connection that does not block, without blocking the event loop. Raises OSError."""

Done = Callable[[Answer | Exception], None]


@dataclass(frozen=True)
class Spill:
    """The file for a large answer: `open` makes it once the answer exceeds 1 MiB. It has at most `most` bytes.

    `spend` is called with a size before these bytes are written, and raises if there is no room. Both are called in a thread.
    """

    open: Callable[[], BinaryIO]
    most: int
    spend: Callable[[int], None] = lambda _size: None


class Upstream:
    """One container. To be used from one event loop.

    Each method raises ContainerUnreachable, Broken, TooLong, and TimeoutError at most share.LOOK_S after the time is over. That
    time covers waiting for a connection, connecting, the request and the answer. A cancelled caller releases its slot at once.
    """

    def __init__(self, connect: Connect, connections: int = MOST_CONNECTIONS) -> None:
        self._connect = connect
        self._idle: deque[tuple[float, UpstreamConnection]] = deque()
        self._share = UpstreamShare(connections)
        self._closed = False

    async def ask(self, request: UpstreamRequest, timeout_s: float, most: int = MOST_BODY) -> Answer:
        """Returns the whole answer, of at most `most` bytes."""
        due_s = asyncio.get_running_loop().time() + timeout_s
        share = self._share
        await (share.enter(due_s) if share.room.locked() else share.room.acquire())
        try:
            connection = self._kept() or await self._connected(due_s)
            try:
                share.watch(connection, due_s)
                connection.send(request, most)
                if request.pieces is not None:
                    await connection.send_pieces(request.pieces, chunked=request.chunked)
                return await connection.whole()
            finally:
                self._keep(connection)
        finally:
            share.room.release()

    @property
    def is_ready(self) -> bool:
        """Returns True if a connection waits for a request, and `start` would probably use it."""
        return bool(self._idle) and not self._share.room.locked()

    def start(
        self, request: UpstreamRequest, timeout_s: float, done: Done, most: int = MOST_BODY
    ) -> OpenExchange | None:
        """Sends a request on a waiting connection, and calls `done` with its answer, or with what `ask` would raise. Returns None
        without one. Needs no task."""
        if not self._share.enter_now():
            return None
        connection = self._kept()
        if connection is None:
            self._share.room.release()
            return None
        self._share.watch(connection, connection.now_s() + timeout_s)
        exchange = OpenExchange(self, connection, done)
        connection.send(request, most, ended=exchange.end)
        return exchange

    async def begin(
        self, request: UpstreamRequest, timeout_s: float, *, total_s: float | None = None, idle_s: float = IDLE_S
    ) -> AnswerStream:
        """Returns an answer that is read as it arrives; the caller must call `AnswerStream.close`. `timeout_s` is for its head; all
        of it takes at most `total_s`, by default `timeout_s`."""
        begin_s = asyncio.get_running_loop().time()
        head_s, due_s = begin_s + timeout_s, begin_s + (timeout_s if total_s is None else total_s)
        await self._share.enter(head_s)
        try:
            connection = self._kept() or await self._connected(head_s)
            try:
                self._share.watch(connection, head_s)
                connection.send(request, None, idle_s=max(idle_s, timeout_s))
                if request.pieces is not None:
                    await connection.send_pieces(request.pieces, chunked=request.chunked)
                await connection.head()
                self._share.extend(connection, due_s - head_s)
                connection.limit_silence(idle_s)
            except BaseException:
                self._keep(connection)
                raise
        except BaseException:
            self._share.room.release()
            raise
        return AnswerStream(self, connection)

    async def glance(self, request: UpstreamRequest, timeout_s: float, most: int = 0) -> Answer:
        """Returns the answer with the first `most` bytes of its body; the rest is not read. The connection is closed."""
        loop = asyncio.get_running_loop()
        due_s = loop.time() + timeout_s
        stream = await self.begin(request, timeout_s)
        try:
            body = await stream.beginning(most, due_s - loop.time()) if most else b""
        finally:
            stream.abandon()
        return Answer(stream.status, stream.headers, body)

    async def fetch(self, request: UpstreamRequest, timeout_s: float, spill: Spill) -> Answer:
        """Returns the whole answer, in a file if it is large: `Answer.file`, at its beginning. An answer that is not 2xx is
        truncated.

        Also raises the exceptions of writing.
        """
        stream = await self.begin(request, timeout_s, idle_s=timeout_s)
        try:
            if not 200 <= stream.status < 300:
                return Answer(stream.status, stream.headers, await stream.beginning(MOST_REFUSAL, REFUSAL_S))
            if int(stream.headers.get("content-length", "0")) > spill.most:
                raise TooLong(f"the answer has more than {spill.most} bytes")
            return await _spilled(stream, spill)
        finally:
            stream.close()

    def _kept(self) -> UpstreamConnection | None:
        if not self._idle:
            return None
        now = self._idle[-1][1].now_s()
        while self._idle:
            since, connection = self._idle.pop()
            if connection.usable and now - since < _KEPT_S:
                return connection
            connection.close()
        return None

    async def _connected(self, due_s: float) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        timeout = asyncio.timeout_at(due_s)
        try:
            async with timeout:
                made = await self._connect()
        except OSError as error:
            if timeout.expired():
                raise
            raise ContainerUnreachable(str(error) or "it does not accept a connection in time") from error
        try:
            _transport, protocol = await loop.create_connection(lambda: UpstreamConnection(self._share), sock=made)
        except BaseException as error:
            made.close()
            if isinstance(error, OSError):
                raise ContainerUnreachable(str(error)) from error
            raise
        return protocol

    def _keep(self, connection: UpstreamConnection) -> None:
        if not connection.end():
            return
        if self._closed:
            connection.close()
            return
        now = connection.now_s()
        self._idle.append((now, connection))
        if now - self._idle[0][0] > _KEPT_S:
            self._idle.popleft()[1].close()

    def release(self, connection: UpstreamConnection) -> None:
        self._keep(connection)
        self._share.room.release()

    def close(self) -> None:
        """Closes the idle connections; those in use are closed at the end of their exchange."""
        self._closed = True
        while self._idle:
            self._idle.pop()[1].close()


class OpenExchange:
    """An exchange that `Upstream.start` has begun."""

    __slots__ = ("_connection", "_done", "_upstream")

    def __init__(self, upstream: Upstream, connection: UpstreamConnection, done: Done) -> None:
        self._upstream, self._connection = upstream, connection
        self._done: Done | None = done

    def end(self) -> None:
        """Reports the answer or the fault; called by the connection."""
        done, self._done = self._done, None
        if done is not None:
            result = self._connection.result()
            self._upstream.release(self._connection)
            done(result)

    def abandon(self) -> None:
        """Ends the exchange without a report, and closes the connection."""
        if self._done is not None:
            self._done = None
            self._connection.close()
            self._upstream.release(self._connection)


class AnswerStream:
    """An answer whose head has arrived."""

    def __init__(self, upstream: Upstream, connection: UpstreamConnection) -> None:
        self._upstream, self._connection = upstream, connection
        reader = connection.reader
        self.status, self.headers, self.cookies = reader.status, reader.headers, reader.cookies
        self._closed = False

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yields the body as it arrives, in larger pieces to a slower consumer. Raises Broken, also if a deadline passes."""
        while piece := await self._piece():
            yield piece

    async def beginning(self, most: int, timeout_s: float) -> bytes:
        """Returns the first `most` bytes of the body, or as many as arrive in time before it ends or breaks off."""
        found = b""
        try:
            async with asyncio.timeout(timeout_s):
                while len(found) < most and (piece := await self._piece()):
                    found += piece
        except (Broken, TimeoutError):
            pass
        return found[:most]

    async def _piece(self) -> bytes:
        try:
            return await self._connection.piece()
        except TimeoutError:
            raise Broken("the answer took too long") from None

    def close(self) -> None:
        """Ends the exchange. A connection whose answer was not read to its end is closed."""
        if not self._closed:
            self._closed = True
            self._upstream.release(self._connection)

    def abandon(self) -> None:
        """Ends the exchange and closes the connection."""
        self._connection.close()
        self.close()


async def _spilled(stream: AnswerStream, spill: Spill) -> Answer:
    parts: list[bytes] = []
    size = waiting = 0
    file: BinaryIO | None = None
    try:
        async for piece in stream.pieces():
            size += len(piece)
            waiting += len(piece)
            if size > spill.most:
                raise TooLong(f"the answer has more than {spill.most} bytes")
            parts.append(piece)
            if waiting > _IN_MEMORY:
                file = await asyncio.to_thread(_written, spill, file, parts)
                parts, waiting = [], 0
        if file is not None:
            file = await asyncio.to_thread(_written, spill, file, parts)
            await asyncio.to_thread(file.seek, 0)
            parts = []
    except BaseException:
        if file is not None:
            file.close()
        raise
    return Answer(stream.status, stream.headers, b"".join(parts), file)


def _written(spill: Spill, file: BinaryIO | None, parts: list[bytes]) -> BinaryIO:
    spill.spend(sum(map(len, parts)))
    file = spill.open() if file is None else file
    file.writelines(parts)
    return file


__all__ = [
    "Answer",
    "AnswerStream",
    "Broken",
    "ContainerUnreachable",
    "OpenExchange",
    "Spill",
    "Stale",
    "TooLong",
    "Upstream",
    "UpstreamRequest",
]
