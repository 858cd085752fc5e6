"""Pools of threads whose work may wait for the network without keeping others from theirs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Full(Exception):
    """So much waits already that more is better tried again later."""


class CallPool:
    """`slots` calls at once, `waiting` more in a queue. To be used from one event loop, but for `away`.

    A call that waits for bytes is `away` meanwhile: its thread waits, its slot is another's. At most `away` may be so.
    """

    def __init__(self, name: str, slots: int, waiting: int, away: int = 0) -> None:
        self._slots, self._waiting, self._most_away = slots, waiting, away
        self._executor = ThreadPoolExecutor(slots + away, thread_name_prefix=name)
        self._busy = self._away = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, call: Callable[..., T], *arguments: object) -> T:
        """What `call` gives, in a thread. Raises Full, and what `call` raises."""
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
        """Whether more calls wait for the network than should: new ones that would are better refused."""
        return self._away >= self._most_away

    @contextmanager
    def away(self) -> Iterator[None]:
        """To be entered by a call, in its thread, for as long as it waits for the network."""
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
        """It goes on at once, beside those who have the slots now: no new call begins until there are fewer."""
        self._away -= 1
        self._busy += 1

    async def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Return with a slot taken."""
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
