"""Asks the server for the routes as they are now, however many requests want to know: one question after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Refreshing:
    """`ask` returns once the answer is here. To be used from one event loop."""

    def __init__(self, ask: Callable[[], Awaitable[None]]) -> None:
        self._ask = ask
        self._present: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        """Returns when a question that was asked after this call began is answered: one that is under way may be too old."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._after(self._present))
        await asyncio.shield(self._next)

    async def _after(self, present: asyncio.Task[None] | None) -> None:
        if present is not None:
            await asyncio.wait([present])
        self._present, self._next = self._next, None
        await self._ask()
