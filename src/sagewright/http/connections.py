"""All connections of a server: their limits, the bytes buffered for unauthenticated clients, and timeouts.

Anyone can open connections faster than the server can refuse them. So a new connection replaces the oldest unproven one, and a
client with a key, whose first request follows at once, gets in.
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
    """A connection. `held`: bytes received for requests that are not answered yet, counted while it is unproven."""

    address: str
    proven: bool
    held: int
    crowded: bool

    @property
    def idle(self) -> bool: ...

    def drop(self) -> None: ...

    def check(self, now: float) -> None: ...


class Connections:
    """The connections of one event loop. `render` formats refusals by the HTTP server itself."""

    def __init__(self, limits: ConnectionLimits | None = None, render: Render = plain) -> None:
        self.limits, self.render = limits or ConnectionLimits(), render
        self.elsewhere: Callable[[Any, bytes], bool] | None = None
        """Called between two requests of a connection, with the first bytes of the next one: True if it moved to another process.
        """
        self.moving: Callable[[Any, bytes], bool] | None = None
        """Moves a connection to the other process with a whole head and the first bytes of its body: True if it is gone."""
        self.direct: Callable[[Any], bool] | None = None
        """Answers a whole small request without ASGI (`http.direct`); returns False if it declines."""
        self.direct_prefix = b"/"
        """Beginning of the paths of requests that `direct` gets."""
        self.direct_methods = frozenset({b"POST"})
        """Methods of requests that `direct` gets."""
        self._retiring_s: float | None = None
        self._all: dict[CountedConnection, None] = {}
        self._unproven: dict[CountedConnection, None] = {}
        self._by_address: dict[str, dict[CountedConnection, None]] = {}
        self._held = 0

    def __len__(self) -> int:
        return len(self._all)

    @property
    def held(self) -> int:
        """Returns the bytes received for unanswered requests of unproven connections."""
        return self._held

    def add(self, member: CountedConnection) -> None:
        """Adds a connection, and closes older ones if there are too many.

        If all of those are busy, the new one is `crowded` and answered accordingly; beyond `overflow`, it is dropped.
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
        """Marks the connection as used by an authenticated client."""
        if not member.proven and member in self._all:
            self.release(member)
            member.proven = True
            self._unproven.pop(member, None)

    def remove(self, member: CountedConnection) -> None:
        """Removes a connection that is closed or closing."""
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
        """Counts `size` bytes from an unproven connection. If the total exceeds its limit, the largest holders are dropped."""
        if member not in self._all:
            return
        member.held += size
        self._held += size
        while self._held > self.limits.unproven_bytes:
            self._drop(max(self._unproven, key=lambda one: one.held))

    def release(self, member: CountedConnection) -> None:
        """Stops counting a connection's bytes: its requests are answered, or it is closed."""
        self._held -= member.held
        member.held = 0

    def sweep(self, now: float) -> None:
        """Checks the timeouts of every connection; `now` is the event loop's time."""
        for member in list(self._all):
            try:
                member.check(now)
            except Exception:  # a failed check must not prevent the others
                log.exception("a connection could not be checked, and is dropped")
                self._drop(member)

    def retire(self, idle_s: float) -> None:
        """Closes each connection after its next response, or once it was idle for `idle_s`."""
        self._retiring_s = idle_s

    @property
    def retiring_s(self) -> float | None:
        """Returns the idle limit if all connections are being retired, else None."""
        return self._retiring_s

    async def watch(self) -> None:
        """Sweeps until cancelled."""
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
