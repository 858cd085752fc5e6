"""The event stream: sends each open tab the kinds of resources that changed, at most once a second."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Protocol

BEAT_S = 15.0
"""Interval of comments that show that the stream is alive."""
PACE_S = 1.0
MOST_STREAMS = 256


class Changes(Protocol):
    """The server's event log. `since` blocks; it returns the kinds with new entries, and the position to continue from."""

    def position(self) -> tuple[int, int]: ...
    def since(self, position: tuple[int, int]) -> tuple[frozenset[str], tuple[int, int]]: ...


class Live:
    """Follows the log while a tab listens: one reader for all streams."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._streams: set[asyncio.Queue[frozenset[str]]] = set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def crowded(self) -> bool:
        return self._closed or len(self._streams) >= MOST_STREAMS

    def close(self) -> None:
        """Ends all streams: the server is about to end, and browsers connect to its successor."""
        self._closed = True
        self._tell(frozenset())  # no kinds: the end

    async def stream(self) -> AsyncIterator[bytes]:
        """Yields server-sent events; an event's data are the kinds that changed."""
        queue: asyncio.Queue[frozenset[str]] = asyncio.Queue(1)
        self._streams.add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())
        try:
            yield b"retry: 2000\n\n"
            while True:
                try:
                    kinds = await asyncio.wait_for(queue.get(), BEAT_S)
                    if not kinds:
                        return
                    yield f"event: changed\ndata: {' '.join(sorted(kinds))}\n\n".encode()
                except TimeoutError:
                    yield b": alive\n\n"
        finally:
            self._streams.discard(queue)

    async def _follow(self) -> None:
        position: tuple[int, int] | None = None
        while self._streams:
            with contextlib.suppress(Exception):  # a busy store: the next round tries again
                if position is None:
                    position = await asyncio.to_thread(self._changes.position)
                else:
                    kinds, position = await asyncio.to_thread(self._changes.since, position)
                    if kinds:
                        self._tell(kinds)
            await asyncio.sleep(PACE_S)

    def _tell(self, kinds: frozenset[str]) -> None:
        for queue in self._streams:
            waiting = queue.get_nowait() if queue.full() else frozenset()
            queue.put_nowait(waiting | kinds)
