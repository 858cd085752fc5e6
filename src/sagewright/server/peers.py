"""The servers that share a PostgreSQL store: each says where it answers, so that agents of one that died report to another."""

from __future__ import annotations

import time
from collections.abc import Callable

from sagewright.store import servers
from sagewright.store.database import Database

TELL_S = 0.5
FRESH_S = 2.0
"""Having said so a moment ago, this server knows that the others do not take it for dead."""
ALIVE_MS = 20_000
_KEPT_S = 2.0


class Peers:
    """`endpoint()`: where agents reach this server. A store on SQLite has no other server, and nothing is told of this one."""

    def __init__(self, store: Database, server_id: str, endpoint: Callable[[], str]) -> None:
        self._store, self._id, self._endpoint = store, server_id, endpoint
        self._known: list[str] = []
        self._until = 0.0
        self._told_s = -FRESH_S

    def tell(self) -> None:
        """This server is alive; to be called every TELL_S."""
        if not self._store.embedded:
            begin = time.monotonic()
            servers.seen(self._store, self._id, self._endpoint())
            self._told_s = begin

    def counts_as_alive(self) -> bool:
        """Whether no other server can have taken what this one holds."""
        return self._store.embedded or time.monotonic() - self._told_s < FRESH_S

    def leave(self) -> None:
        """It ends."""
        if not self._store.embedded:
            servers.gone(self._store, self._id)

    def alive(self) -> list[str]:
        """The endpoints of all servers, if there are several."""
        if self._store.embedded:
            return []
        if time.monotonic() > self._until:
            found = servers.alive(self._store, ALIVE_MS)
            self._known = found if len(found) > 1 else []
            self._until = time.monotonic() + _KEPT_S
        return self._known
