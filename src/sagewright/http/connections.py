"""All connections of a server: how many there may be, what strangers hold, and which have waited for too long.

A stranger can open connections faster than anybody can refuse them. So none of theirs is kept at the expense of a new
one: the oldest unproven connection is closed, and a client with a key, whose first request follows at once, gets in.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from sagewright.http.limits import ConnectionLimits
from sagewright.http.refusals import Render, plain

SWEEP_S = 1.0
log = logging.getLogger("sagewright.http")


class CountedConnection(Protocol):
    """A connection. `held`: bytes it sent of requests that are not answered yet, counted while it is unproven."""

    address: str
    proven: bool
    held: int
    crowded: bool

    @property
    def idle(self) -> bool: ...

    def drop(self) -> None: ...

    def check(self, now: float) -> None: ...


class Connections:
    """To be used from one event loop. `render` words what the HTTP server itself refuses."""

    def __init__(self, limits: ConnectionLimits | None = None, render: Render = plain) -> None:
        self.limits, self.render = limits or ConnectionLimits(), render
        self.elsewhere: Callable[[Any, bytes], bool] | None = None
        """Asked between two requests of a connection, with the first bytes of the next: True if another process has it now."""
        self._retiring_s: float | None = None
        self._all: dict[CountedConnection, None] = {}
        self._unproven: dict[CountedConnection, None] = {}
        self._by_address: dict[str, dict[CountedConnection, None]] = {}
        self._held = 0

    def __len__(self) -> int:
        return len(self._all)

    @property
    def held(self) -> int:
        """Bytes of requests by strangers that are not answered yet."""
        return self._held

    def add(self, member: CountedConnection) -> None:
        """Take in a new connection, at the expense of older ones where there are too many.

        Where all of those are at work it is `crowded`, to be told so; beyond some, dropped.
        """
        limits = self.limits
        neighbours = self._by_address.setdefault(member.address, {})
        self._all[member] = self._unproven[member] = neighbours[member] = None
        room = True
        if len(neighbours) > limits.per_address:
            room = self._make_room(neighbours, member)
        elif len(self._all) > limits.connections:
            room = self._make_room(self._all, member)
        elif len(self._unproven) > limits.unproven:
            self._drop(next(iter(self._unproven)))
        if not room:
            member.crowded = True
            if len(self._all) > limits.connections + limits.overflow or (
                len(neighbours) > limits.per_address + limits.overflow
            ):
                self._drop(member)

    def prove(self, member: CountedConnection) -> None:
        """Somebody who is known uses this connection."""
        if not member.proven and member in self._all:
            self.release(member)
            member.proven = True
            self._unproven.pop(member, None)

    def remove(self, member: CountedConnection) -> None:
        """It is closed, or about to be."""
        if member not in self._all:
            return
        self.release(member)
        del self._all[member]
        self._unproven.pop(member, None)
        neighbours = self._by_address[member.address]
        del neighbours[member]
        if not neighbours:
            del self._by_address[member.address]

    def hold(self, member: CountedConnection, size: int) -> None:
        """An unproven connection has sent `size` bytes. Where that is too much in all, the largest holders are dropped."""
        if member not in self._all:
            return
        member.held += size
        self._held += size
        while self._held > self.limits.unproven_bytes:
            self._drop(max(self._unproven, key=lambda one: one.held))

    def release(self, member: CountedConnection) -> None:
        """What it had sent is answered, or gone."""
        self._held -= member.held
        member.held = 0

    def sweep(self, now: float) -> None:
        """Have every connection look at its watch; `now` is the event loop's time."""
        for member in list(self._all):
            try:
                member.check(now)
            except Exception:  # one that can't be checked must not keep the others from it
                log.exception("a connection could not be checked, and is dropped")
                self._drop(member)

    def retire(self, idle_s: float) -> None:
        """From now on each answer is its connection's last, and connections are closed once they were idle for so long."""
        self._retiring_s = idle_s

    @property
    def retiring_s(self) -> float | None:
        """How long a connection may be idle, if all are to end; None if they may stay."""
        return self._retiring_s

    async def watch(self) -> None:
        """Sweep until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep(loop.time())

    def _make_room(self, among: dict[CountedConnection, None], new: CountedConnection) -> bool:
        victim = next((one for one in among if not one.proven and one is not new), None)
        victim = victim or next((one for one in among if one.idle and one is not new), None)
        if victim is None:
            return False
        self._drop(victim)
        return True

    def _drop(self, member: CountedConnection) -> None:
        self.remove(member)
        member.drop()
