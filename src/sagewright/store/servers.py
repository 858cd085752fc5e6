"""The servers that share the store: their endpoints, and when each was last alive, by the database's clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, delete, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from sagewright.store.absent import insert_absent
from sagewright.store.database import Database
from sagewright.store.schema.reservations import servers

DEAD_MS = 3_000
"""A server that has not reported for this long is dead: others take over its work."""
FORGOTTEN_MS = 24 * 3600 * 1000


class DatabaseMs(FunctionElement[int]):
    """The database's time in milliseconds since 1970: servers of several machines need no common clock."""

    type = BigInteger()
    inherit_cache = True
    name = "database_ms"


@compiles(DatabaseMs, "postgresql")
def _on_postgresql(_element: DatabaseMs, _compiler: Any, **_options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


@compiles(DatabaseMs, "sqlite")
def _on_sqlite(_element: DatabaseMs, _compiler: Any, **_options: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


_SEEN = update(servers).where(servers.c.id == bindparam("server"))
_ALIVE = select(servers.c.endpoint).where(servers.c.seen_ms > DatabaseMs() - bindparam("within")).order_by(servers.c.id)
_GONE = update(servers).where(servers.c.id == bindparam("server")).values(seen_ms=0)
_FORGET = delete(servers).where(servers.c.seen_ms < DatabaseMs() - FORGOTTEN_MS, servers.c.id != bindparam("server"))


def is_dead(owner: ColumnElement[Any]) -> ColumnElement[bool]:
    """True if the server with the id `owner` has ended, or has not reported for DEAD_MS; false for one that never did."""
    silent = servers.c.seen_ms < DatabaseMs() - DEAD_MS
    return select(servers.c.id).where(servers.c.id == owner, silent).exists()


def lives(store: Database, server_id: str) -> bool:
    """True if another server with this id may continue its work. A store on SQLite has no other."""
    here = select(servers.c.id).where(servers.c.id == server_id, servers.c.seen_ms >= DatabaseMs() - DEAD_MS)
    with store.read() as connection:
        return connection.execute(here).first() is not None


def seen(store: Database, server_id: str, endpoint: str) -> None:
    """Records that the server is alive, and its endpoint."""
    with store.write() as connection:
        described = _SEEN.values(endpoint=endpoint, seen_ms=DatabaseMs())
        if not connection.execute(described, {"server": server_id}).rowcount:
            insert_absent(connection, servers, {"id": server_id, "endpoint": endpoint, "seen_ms": DatabaseMs()})


def gone(store: Database, server_id: str) -> None:
    """Records that the server has ended, which releases its claims at once."""
    with store.write() as connection:
        connection.execute(_GONE, {"server": server_id})
        connection.execute(_FORGET, {"server": server_id})


def alive(store: Database, within_ms: int) -> list[str]:
    """Returns the endpoints of servers that reported within `within_ms`."""
    with store.read() as connection:
        return list(connection.execute(_ALIVE, {"within": within_ms}).scalars())
