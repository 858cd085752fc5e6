"""Request bodies: in memory, or read through the event loop by a worker thread."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait
from typing import Any

from sagewright.http.limits import BodyPace
from sagewright.http.messages import BodyReader
from sagewright.http.pools import CallPool
from sagewright.model.errors import AwsError

Receive = Callable[[], Awaitable[Any]]
PATIENCE_S = 0.05
"""Time that a thread waits for a sender before it releases its slot, which costs the event loop time."""

MOST_DIGITS = 18


class BytesBody:
    """A body in memory."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self.length = data, 0, len(data)

    def __len__(self) -> int:
        return self.length - self._at

    def read(self, size: int = -1, /) -> bytes:
        begin = self._at
        end = self._at = self.length if size < 0 else min(begin + size, self.length)
        return self._data[begin:end]  # of the whole body, which is not copied


class StreamBody:
    """A body read from the connection piece by piece, by a thread other than the event loop's.

    `pool`: the pool whose slot the thread occupies, and releases while it waits.
    """

    def __init__(
        self, receive: Receive, loop: asyncio.AbstractEventLoop, length: int | None, begun: bytes = b""
    ) -> None:
        self._receive, self._loop, self.length = receive, loop, length
        self.pool: CallPool | None = None
        self.pace = BodyPace()
        self._buffer = bytearray(begun)
        self._got = len(begun)
        self._waited_s = 0.0
        self._ended = False

    def read(self, size: int = -1, /) -> bytes:
        """Raises IncompleteBody, RequestTimeout."""
        while not self._ended and (size < 0 or len(self._buffer) < size):
            self._pull()
        take = len(self._buffer) if size < 0 else min(size, len(self._buffer))
        piece = bytes(self._buffer[:take])
        del self._buffer[:take]
        return piece

    def _pull(self) -> None:
        coming = asyncio.run_coroutine_threadsafe(_as_coroutine(self._receive), self._loop)
        message = self._when_there(coming)
        if message["type"] == "http.disconnect":
            raise incomplete_body()
        data = message.get("body", b"")
        self._got += len(data)
        self._buffer += data
        if not message.get("more_body", False):
            self._ended = True
            if self.length is not None and self._got != self.length:
                raise incomplete_body()

    def _when_there(self, coming: Future[Any]) -> Any:
        if not wait([coming], PATIENCE_S).done:
            begin = time.monotonic()
            with self.pool.away() if self.pool else contextlib.nullcontext():
                wait([coming], max(0.0, self.pace.due(self._waited_s, self._got)))
            self._waited_s += time.monotonic() - begin
        if not coming.done():
            coming.cancel()
            raise too_slow()
        return coming.result()


async def _as_coroutine(receive: Receive) -> Any:
    return await receive()


class PrefacedBody:
    """A body of which `here` bytes have arrived: no more can be read before it is `opened`, so that reading never waits.

    `beyond` is raised on reads past them.
    """

    def __init__(self, inner: BodyReader, here: int, beyond: AwsError) -> None:
        self.length = inner.length
        self._inner, self._here, self._beyond = inner, here, beyond
        self.opened = False

    def read(self, size: int = -1, /) -> bytes:
        if self.opened:
            return self._inner.read(size)
        if not self._here:
            raise self._beyond
        piece = self._inner.read(self._here if size < 0 else min(size, self._here))
        self._here -= len(piece)
        return piece


def incomplete_body() -> AwsError:
    """Returns the error for a sender that disconnected before sending the announced length."""
    message = "You did not provide the number of bytes specified by the Content-Length HTTP header."
    return AwsError("IncompleteBody", message)


def too_slow() -> AwsError:
    """Returns the error for a sender below the minimum pace of bodies."""
    message = "Your socket connection to the server was not read from or written to within the timeout period."
    return AwsError("RequestTimeout", message)


def digits(text: str | None) -> int | None:
    """Returns a header's number in decimal digits; None for anything else, and for more than 64 bits."""
    return int(text) if text and len(text) <= MOST_DIGITS and text.isascii() and text.isdigit() else None
