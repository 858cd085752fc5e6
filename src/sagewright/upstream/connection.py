"""A connection to a container, which carries one exchange at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any

from sagewright.upstream.errors import Broken, ContainerUnreachable, Stale
from sagewright.upstream.messages import Answer, UpstreamRequest
from sagewright.upstream.reading import AnswerReader
from sagewright.upstream.share import LARGE, UpstreamShare

HIGH, LOW = 1 << 20, 1 << 18
"""Bytes that a stream buffers for a slower consumer: reading pauses above HIGH, and resumes below LOW."""
_SLICE = 32 * 1024
_MANY = 64
"""Pieces in one read above which they count towards the container's share of the processor."""
_SHORT, _READ = 256, 4
"""A read of fewer bytes counts as this many pieces."""
_SLOW, _SHARED, _DENSE = 1, 2, 4


class UpstreamConnection(asyncio.Protocol):
    def __init__(self, share: UpstreamShare) -> None:
        self._loop = asyncio.get_running_loop()
        self._share = share
        self.transport: Any = None
        self.reader = AnswerReader()
        self.open = True
        self._busy = self._used = self._stream = self._sending = self._making = self._large = False
        self._idle_s = self._since = 0.0
        self._paused = 0
        self._stash: list[memoryview] = []
        self._waiter: asyncio.Future[None] | None = None
        self._fault: Exception | None = None
        self._writable: asyncio.Event | None = None
        self._ended: Callable[[], None] | None = None

    # The protocol.

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.set_write_buffer_limits(high=HIGH, low=LOW)

    def eof_received(self) -> None:
        if self._busy:
            self.reader.feed_end()

    def connection_lost(self, _error: Exception | None) -> None:
        self.open = False
        if self._busy and not self.reader.complete and self._fault is None:
            stale = self._used and not self.reader.touched
            self._fault = (Stale if stale else Broken)("the connection was closed")
        self._wake()
        self.reader.close()

    def pause_writing(self) -> None:
        self._writable = asyncio.Event()

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    def data_received(self, data: bytes) -> None:
        reader = self.reader
        if not self._busy or reader.complete:
            self.close()  # unsolicited data
        elif len(data) <= _SLICE or (reader.begun and not reader.dense):
            self._feed(reader, data)
        else:
            view = memoryview(data)
            self._stash += [view[at : at + _SLICE] for at in range(0, len(data), _SLICE)]
            self._feed_stash()

    def _feed_stash(self) -> None:
        """Parses slices one by one, so that a container that sends tiny pieces can be paused in between."""
        while self._stash and not self._paused & _DENSE and self.open and self._busy:
            self._feed(self.reader, self._stash.pop(0))

    def _feed(self, reader: AnswerReader, data: bytes | memoryview) -> None:
        before = reader.pieces_read
        try:
            reader.feed(data)
        except Broken as fault:
            self._fail(fault)
            return
        if reader.complete:
            if reader.extra or self._stash:
                self.open = False
        else:
            pieces = reader.pieces_read - before
            if pieces > _MANY or len(data) < _SHORT:
                self._rest(max(pieces, _READ))
            if self._stream:
                self._since = self._loop.time()
                if reader.held > HIGH:
                    self._pause(_SLOW)
            elif reader.size > LARGE:
                self._share.weigh(self, reader.size)
        if self._ended is not None or self._waiter is not None or self._writable is not None:
            self._wake()

    # Pauses of reading.

    def _pause(self, reason: int) -> None:
        if not self._paused and not self.transport.is_closing():
            self.transport.pause_reading()
        self._paused |= reason

    def _resume(self, reason: int) -> None:
        if not self._paused & reason:
            return
        self._paused &= ~reason
        if not self._paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def _rest(self, pieces: int) -> None:
        delay_s = self._share.pause_s(pieces)
        if delay_s > 0 and not self._paused & _DENSE:
            self._pause(_DENSE)
            self._loop.call_later(delay_s, self._rested)

    def _rested(self) -> None:
        self._resume(_DENSE)
        self._feed_stash()

    def hold(self) -> None:
        self._pause(_SHARED)

    def proceed(self) -> None:
        self._resume(_SHARED)

    # Ends.

    def expire(self) -> None:
        """Ends the exchange because the answer is too late."""
        self._fail(TimeoutError())

    def stalled(self, now: float) -> bool:
        """True if a stream has been silent for too long. Time lost to a slower consumer is not counted."""
        if not self._stream or self._paused or self._making:
            self._since = now
            return False
        return now - self._since > self._idle_s

    def close(self) -> None:
        self.open = False
        if self.transport is not None:
            self.transport.abort()

    def _fail(self, fault: Exception) -> None:
        self._fault = self._fault or fault
        self.close()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self._ended is not None and (self.reader.complete or self._fault is not None):
            ended, self._ended = self._ended, None
            ended()
        if self._writable is not None and not self._unanswered():
            self.resume_writing()

    # The exchange.

    def now_s(self) -> float:
        """Returns the time on the loop's clock. To ask for the running loop costs Python 3.11 a system call each time."""
        return self._loop.time()

    @property
    def usable(self) -> bool:
        return self.open and not self.transport.is_closing()

    def send(
        self,
        request: UpstreamRequest,
        most: int | None,
        idle_s: float = 0.0,
        ended: Callable[[], None] | None = None,
    ) -> None:
        """Sends a request, but not its pieces. `most`: maximum bytes of its answer; None for a stream, whose silence is limited to
        `idle_s`. `ended` is called once `result` is known. Raises ContainerUnreachable."""
        if not self.usable:
            raise ContainerUnreachable("the connection is closed")
        self.reader.reset(most)
        self._busy, self._fault, self._ended = True, None, ended
        if most is None:
            self._stream, self._idle_s, self._since = True, idle_s, self._loop.time()
        head, body = request.head(), request.body if request.pieces is None else b""
        if len(body) <= LOW:
            self.transport.write(head + body if body else head)
        else:
            self._large = True
            self.transport.write(head)
            self.transport.write(body)

    async def send_pieces(self, body: AsyncIterable[bytes], *, chunked: bool) -> None:
        """Sends until everything is sent or the answer has arrived. The time for generating the body is not counted. Raises the
        exceptions of iterating."""
        self._sending = self._large = True
        pieces = aiter(body)
        while (piece := await self._made(pieces)) is not None:
            if not self._unanswered():
                return
            if piece:
                self.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            while self._writable is not None and self._unanswered():
                await self._writable.wait()
        if chunked and self._unanswered():
            self.transport.write(b"0\r\n\r\n")
        self._sending = False

    async def _made(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        self._making = True
        self._share.stop(self)
        try:
            return await anext(pieces, None)
        finally:
            self._making = False
            self._share.start(self)

    def limit_silence(self, idle_s: float) -> None:
        self._idle_s = idle_s

    def _unanswered(self) -> bool:
        return self.open and not self.reader.begun

    async def head(self) -> None:
        """Returns once the answer's head has arrived. Raises Broken, TooLong, TimeoutError."""
        while not self.reader.begun:
            await self._news()

    def result(self) -> Answer | Exception:
        """Returns the answer of an exchange that has ended, or its fault."""
        reader = self.reader
        if reader.complete:
            return Answer(reader.status, reader.headers, reader.take())
        return self._fault or Broken("the exchange was ended")

    async def whole(self) -> Answer:
        """Returns the answer. Raises Broken, TooLong, TimeoutError."""
        reader = self.reader
        while not reader.complete:
            if self._fault is not None:
                raise self._fault
            self._waiter = self._loop.create_future()
            await self._waiter
        return Answer(reader.status, reader.headers, reader.take())

    async def piece(self) -> bytes:
        """Returns the bytes of the body since the last call, b"" at its end. Raises Broken, TooLong, TimeoutError."""
        reader = self.reader
        while not reader.held:
            if reader.complete:
                return b""
            await self._news()
        found = reader.take()
        self._resume(_SLOW)
        return found

    async def _news(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._waiter = self._loop.create_future()
        await self._waiter

    def end(self) -> bool:
        """Ends the exchange; returns True if the connection can carry another one."""
        reader, self._waiter, self._ended = self.reader, None, None
        self._share.leave(self)
        if reader.held:  # the rest is not needed
            reader.take()
        reusable = reader.complete and reader.keep and self.open and not (self._sending or self._paused)
        if not reusable or self.transport.is_closing() or (self._large and self.transport.get_write_buffer_size()):
            self.close()
            reusable = False
        self._busy = self._stream = self._large = False
        self._used = True
        return reusable
