"""Thread pools whose calls can wait for the network without blocking others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Full(Exception):
    """The queue is full; the client should retry later."""


class CallPool:
    """A thread pool with `slots` concurrent calls and `waiting` queued ones. To be used from one event loop, except `away`.

    A call that waits for bytes is `away`: its thread waits and its slot is free for another. At most `away` calls can be.
    """

    def __init__(self, name: str, slots: int, waiting: int, away: int = 0) -> None:
        self._slots, self._waiting, self._most_away = slots, waiting, away
        self._executor = ThreadPoolExecutor(slots + away, thread_name_prefix=name)
        self._busy = self._away = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, call: Callable[..., T], *arguments: object) -> T:
        """Runs `call` in a thread and returns its result. Raises Full, and the exceptions of `call`."""
        loop = self._loop = asyncio.get_running_loop()
        if self._busy >= self._slots:
            await self._turn(loop)
        else:
            self._busy += 1
        try:
            return await loop.run_in_executor(self._executor, call, *arguments)
        finally:
            self._busy -= 1
            self._next()

    @property
    def strained(self) -> bool:
        """Returns True if too many calls wait for the network: new ones that would should be refused."""
        return self._away >= self._most_away

    @contextmanager
    def away(self) -> Iterator[None]:
        """Context in which a call, in its thread, waits for the network."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._leave)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._return)

    def _leave(self) -> None:
        self._away += 1
        self._busy -= 1
        self._next()

    def _return(self) -> None:
        """Resumes a call at once, in addition to those that occupy the slots: new calls begin only when there are fewer."""
        self._away -= 1
        self._busy += 1

    async def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Waits for a slot. Raises Full."""
        if len(self._queue) >= self._waiting:
            raise Full
        turn = loop.create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._busy -= 1
                self._next()
            raise

    def _next(self) -> None:
        while self._queue and self._busy < self._slots:
            turn = self._queue.popleft()
            if not turn.done():
                self._busy += 1
                turn.set_result(None)
