"""Servers that share a PostgreSQL store: each announces its address, so that agents of a dead server report to another."""

from __future__ import annotations

import time
from collections.abc import Callable

from sagewright.store import servers
from sagewright.store.database import Database

TELL_S = 0.5
FRESH_S = 2.0
"""Time after an announcement during which the other servers certainly consider this one alive."""
ALIVE_MS = 20_000
_KEPT_S = 2.0


class Peers:
    """`endpoint()`: address at which agents reach this server. With SQLite there are no other servers, and nothing is announced."""

    def __init__(self, store: Database, server_id: str, endpoint: Callable[[], str]) -> None:
        self._store, self._id, self._endpoint = store, server_id, endpoint
        self._known: list[str] = []
        self._until = 0.0
        self._told_s = -FRESH_S

    def tell(self) -> None:
        """Announces that this server is alive; to be called every TELL_S."""
        if not self._store.embedded:
            begin = time.monotonic()
            servers.seen(self._store, self._id, self._endpoint())
            self._told_s = begin

    def counts_as_alive(self) -> bool:
        """Returns True if no other server can have taken over this one's leases."""
        return self._store.embedded or time.monotonic() - self._told_s < FRESH_S

    def leave(self) -> None:
        """Withdraws the announcement of this server."""
        if not self._store.embedded:
            servers.gone(self._store, self._id)

    def alive(self) -> list[str]:
        """Returns the endpoints of all servers if there are several."""
        if self._store.embedded:
            return []
        if time.monotonic() > self._until:
            found = servers.alive(self._store, ALIVE_MS)
            self._known = found if len(found) > 1 else []
            self._until = time.monotonic() + _KEPT_S
        return self._known
