"""Rows with the bytes of small objects. All functions take the connection of the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, bindparam, delete, insert, select

from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.objects import objects, small_blobs

_AT_ONCE = 500
_INSERT = PreparedStatement(insert(small_blobs), ["id", "data"])
_READ = PreparedStatement(select(small_blobs.c.data).where(small_blobs.c.id == bindparam("of_id")))


def add(connection: Connection, blob: str, data: bytes) -> None:
    _INSERT.run(connection, {"id": blob, "data": data})


def read(connection: Connection, blob: str) -> bytes | None:
    row = _READ.first(connection, {"of_id": blob})
    return row[0] if row else None


def read_many(connection: Connection, blobs: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yields (id, bytes) of the existing ones of `blobs`."""
    for some in _batches(blobs):
        statement = select(small_blobs.c.id, small_blobs.c.data).where(small_blobs.c.id.in_(some))
        yield from ((blob, data) for blob, data in connection.execute(statement))


def there(connection: Connection, blobs: Iterable[str]) -> set[str]:
    """Returns the existing ones of `blobs`."""
    found: set[str] = set()
    for some in _batches(blobs):
        found.update(connection.execute(select(small_blobs.c.id).where(small_blobs.c.id.in_(some))).scalars())
    return found


def remove(connection: Connection, blobs: Iterable[str]) -> None:
    for some in _batches(blobs):
        connection.execute(delete(small_blobs).where(small_blobs.c.id.in_(some)))


def unneeded(connection: Connection) -> list[str]:
    """Returns blobs that no object names. Blobs are added together with the row that names them, so none of these is yet to be
    used."""
    named = select(objects.c.blob).where(objects.c.blob == small_blobs.c.id)
    return list(connection.execute(select(small_blobs.c.id).where(~named.exists())).scalars())


def _batches(blobs: Iterable[str]) -> Iterator[list[str]]:
    every = list(blobs)
    return (every[start : start + _AT_ONCE] for start in range(0, len(every), _AT_ONCE))
