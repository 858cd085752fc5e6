"""The servers that share the store: where each answers, and when it was last alive."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select, update

from sagewright.model.clock import now_ms
from sagewright.store.database import Database
from sagewright.store.schema.reservations import servers

_SEEN = update(servers).where(servers.c.id == bindparam("server"))
_INSERT = insert(servers)
_ALIVE = select(servers.c.endpoint).where(servers.c.seen_ms > bindparam("since")).order_by(servers.c.id)
_REMOVE = delete(servers).where(servers.c.id == bindparam("server"))


def seen(store: Database, server_id: str, endpoint: str) -> None:
    """It is alive, and answers there."""
    values = {"endpoint": endpoint, "seen_ms": now_ms()}
    with store.write() as connection:
        if not connection.execute(_SEEN, {"server": server_id, **values}).rowcount:
            connection.execute(_INSERT, {"id": server_id, **values})


def gone(store: Database, server_id: str) -> None:
    with store.write() as connection:
        connection.execute(_REMOVE, {"server": server_id})


def alive(store: Database, within_ms: int) -> list[str]:
    """The endpoints of those that were seen in so many milliseconds."""
    with store.read() as connection:
        return list(connection.execute(_ALIVE, {"since": now_ms() - within_ms}).scalars())
