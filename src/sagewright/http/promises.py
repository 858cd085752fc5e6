"""Responses that wait for the disk while the event loop continues: one sync covers all that arrived during the previous one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class SharedSync:
    """Runs `sync` in a thread, one at a time. To be used from one event loop."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._thread = ThreadPoolExecutor(1, "sync")
        self._next: asyncio.Future[None] | None = None
        self._running: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Returns after a sync that began after this call. Raises OSError if the disk fails."""
        await asyncio.shield(self.begin())

    def begin(self) -> asyncio.Future[None]:
        """Returns the future of a sync that begins after this call; it fails with OSError if the disk does. Many callers share it,
        none may cancel it."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        mine = self._next
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return mine

    async def _run(self) -> None:
        while (waiting := self._next) is not None:
            self._next = None
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._sync)
            except OSError as error:
                waiting.set_exception(error)
                waiting.exception()  # waiters see it; all can have been cancelled
            except BaseException:  # the loop ends
                waiting.cancel()
                raise
            else:
                waiting.set_result(None)
