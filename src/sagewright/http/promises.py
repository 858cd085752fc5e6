"""Answers that wait for the disk while the event loop goes on: one sync for all that came while the one before ran."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class SharedSync:
    """`sync` is called in a thread, by one at a time. To be used from one event loop."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._thread = ThreadPoolExecutor(1, "sync")
        self._next: asyncio.Future[None] | None = None
        self._running: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Return once a sync that began after this call has ended. Raises OSError where the disk fails."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        mine = self._next
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        await asyncio.shield(mine)

    async def _run(self) -> None:
        while (waiting := self._next) is not None:
            self._next = None
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._sync)
            except OSError as error:
                waiting.set_exception(error)
                waiting.exception()  # whoever waits sees it; nobody may, if all have gone
            except BaseException:  # the loop ends
                waiting.cancel()
                raise
            else:
                waiting.set_result(None)
