"""Requests for the current routes, shared by all requests that need them: only one is in progress at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Refreshing:
    """`ask` returns when the answer has arrived. To be used from one event loop."""

    def __init__(self, ask: Callable[[], Awaitable[None]]) -> None:
        self._ask = ask
        self._present: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        """Returns after a request for routes that began after this call: one already in progress may be outdated."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._after(self._present))
        await asyncio.shield(self._next)

    async def _after(self, present: asyncio.Task[None] | None) -> None:
        if present is not None:
            await asyncio.wait([present])
        self._present, self._next = self._next, None
        await self._ask()
