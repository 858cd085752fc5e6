"""`Upstream` for threads. All of a process share one event loop, which runs in a thread that starts with the first request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from typing import Any, TypeVar

from sagewright.upstream.client import MOST_BODY, Connect, Spill, Upstream
from sagewright.upstream.messages import Answer, UpstreamRequest

_LOOK_S = 0.25
"""Interval at which a waiting thread calls `check`."""
T = TypeVar("T")
Pieces = Callable[[], Iterator[bytes]]


class BlockingUpstream:
    """One container. Any number of threads may use it. `check` raises to give up; what it raises is passed on.

    Otherwise as `Upstream`, whose methods these are.
    """

    def __init__(self, connect: Connect, check: Callable[[], None] = lambda: None) -> None:
        self._upstream, self._check = Upstream(connect), check

    def ask(self, request: UpstreamRequest, timeout_s: float, most: int = MOST_BODY) -> Answer:
        return self._result(_run(self._upstream.ask(request, timeout_s, most)))

    def glance(self, request: UpstreamRequest, timeout_s: float, most: int = 0) -> Answer:
        return self._result(_run(self._upstream.glance(request, timeout_s, most)))

    def fetch(self, request: UpstreamRequest, timeout_s: float, spill: Spill, body: Pieces | None = None) -> Answer:
        """`body`: sent in place of the request's own, and made by the calling thread as it is sent."""
        if body is None:
            return self._result(_run(self._upstream.fetch(request, timeout_s, spill)))
        fed = _Fed()
        future = _run(self._upstream.fetch(replace(request, pieces=fed.pieces()), timeout_s, spill))
        try:
            for piece in body():
                self._check()
                if not fed.put(piece, future):
                    break
            else:
                fed.put(None, future)
        except BaseException:
            future.cancel()
            raise
        return self._result(future)

    def close(self) -> None:
        """Closes the connections that are kept."""
        if _loop_thread.started:
            _loop_thread.loop().call_soon_threadsafe(self._upstream.close)

    def _result(self, future: Future[T]) -> T:
        try:
            while not wait([future], _LOOK_S).done:
                self._check()
        except BaseException:
            future.cancel()
            raise
        return future.result()


class _Fed:
    """Hands pieces from a thread to the event loop, one at a time."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(1)

    def put(self, piece: bytes | None, exchange: Future[Any]) -> bool:
        """Returns once there is room; False if the exchange has ended."""
        putting = _run(self._queue.put(piece))
        wait([putting, exchange], return_when=FIRST_COMPLETED)
        if putting.done():
            return True
        putting.cancel()
        return False

    async def pieces(self) -> AsyncIterator[bytes]:
        while (piece := await self._queue.get()) is not None:
            yield piece


class _LoopThread:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def started(self) -> bool:
        return self._loop is not None

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="upstream", daemon=True).start()
            return self._loop


_loop_thread = _LoopThread()


def _run(coroutine: Coroutine[Any, Any, T]) -> Future[T]:
    return asyncio.run_coroutine_threadsafe(coroutine, _loop_thread.loop())
