"""A container's share of the process: connections, memory, processor time, and the deadlines of current exchanges."""

from __future__ import annotations

import asyncio
import math
from typing import Protocol

MOST_CONNECTIONS = 64
"""Connections to one container; further requests wait."""
LARGE = 1 << 20
MOST_HELD = 128 << 20
"""Maximum bytes of large answers buffered for one container: beyond that, answers are read one after the other."""
PIECES_PER_S, BURST = 50_000, 20_000
"""Limits on parsing chunks for one container: about 3 % of a processor."""
LOOK_S = 0.25
"""Interval at which deadlines are checked: a timer per request would cost more than parsing its answer."""


class SharedExchange(Protocol):
    """A connection in use."""

    def expire(self) -> None: ...

    def stalled(self, now: float) -> bool: ...

    def hold(self) -> None: ...

    def proceed(self) -> None: ...


class UpstreamShare:
    """The share of one container; see the module. To be used from one event loop."""

    def __init__(self, connections: int) -> None:
        self.room = asyncio.Semaphore(connections)
        self._due: dict[SharedExchange, float] = {}
        self._stopped: dict[SharedExchange, float] = {}
        self._watching = False
        self._held: dict[SharedExchange, int] = {}
        self._total = 0
        self._pieces = 0.0
        self._pieces_at = 0.0

    async def enter(self, due_s: float) -> None:
        """Acquires a slot for a connection in `room`, which the caller must release. Raises TimeoutError."""
        async with asyncio.timeout_at(due_s):
            await self.room.acquire()

    def enter_now(self) -> bool:
        """Acquires a slot in `room` if one is free; returns False otherwise."""
        if self.room.locked():
            return False
        entering = self.room.acquire()
        try:
            entering.send(None)
        except StopIteration:
            return True
        entering.close()
        return False

    # Deadlines.

    def watch(self, exchange: SharedExchange, due_s: float) -> None:
        """Makes the exchange expire at `due_s`, on the loop's clock. Replaces an earlier deadline."""
        self._due[exchange] = due_s
        if not self._watching:
            self._watching = True
            loop = asyncio.get_running_loop()
            loop.call_at(min(due_s, loop.time() + LOOK_S), self._look)

    def extend(self, exchange: SharedExchange, more_s: float) -> None:
        if exchange in self._due:
            self._due[exchange] += more_s

    def stop(self, exchange: SharedExchange) -> None:
        """Stops the exchange's clock while it waits for our side."""
        self._stopped[exchange] = self._due[exchange] - asyncio.get_running_loop().time()
        self._due[exchange] = math.inf

    def start(self, exchange: SharedExchange) -> None:
        left_s = self._stopped.pop(exchange, None)
        if left_s is not None and exchange in self._due:
            self._due[exchange] = asyncio.get_running_loop().time() + left_s

    def leave(self, exchange: SharedExchange) -> None:
        """Ends tracking of an exchange that has ended, or was abandoned."""
        self._due.pop(exchange, None)
        if self._held:
            self._total -= self._held.pop(exchange, 0)
            for position, other in enumerate(list(self._held)):
                if position == 0 or self._total <= MOST_HELD:
                    other.proceed()

    def _look(self) -> None:
        """Checks deadlines; stops once no exchange is in progress."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for exchange, due_s in list(self._due.items()):
            if due_s <= now or exchange.stalled(now):
                exchange.expire()
        self._watching = bool(self._due)
        if self._watching:
            loop.call_later(LOOK_S, self._look)

    # Memory.

    def weigh(self, exchange: SharedExchange, size: int) -> None:
        """Records that a large answer now has `size` bytes. The oldest one always proceeds, so each ends in turn."""
        self._total += size - self._held.get(exchange, 0)
        self._held[exchange] = size
        if self._total > MOST_HELD and next(iter(self._held)) is not exchange:
            exchange.hold()

    # Processor time.

    def pause_s(self, pieces: int) -> float:
        """Returns for how long reading must pause after `pieces` pieces were parsed."""
        now = asyncio.get_running_loop().time()
        self._pieces = max(0.0, self._pieces - (now - self._pieces_at) * PIECES_PER_S) + pieces
        self._pieces_at = now
        return max(0.0, (self._pieces - BURST) / PIECES_PER_S)
