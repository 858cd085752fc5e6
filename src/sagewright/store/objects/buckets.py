"""Rows of buckets: their owner, versioning and configuration documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from sagewright.store.memory import changes, known
from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.objects import buckets, objects


@dataclass(frozen=True)
class Bucket:
    """`versioning` is Off, Enabled or Suspended; `configuration` maps a kind to its document."""

    name: str
    account: str
    region: str
    created_ms: int
    versioning: str
    configuration: dict[str, Any]


_SELECT = select(*[buckets.c[name] for name in Bucket.__dataclass_fields__])
_NAMED = _SELECT.where(buckets.c.name == bindparam("named"))
_BY_NAME = PreparedStatement(_NAMED)
_HELD = PreparedStatement(_NAMED.with_for_update(read=True))
_LOCKED = PreparedStatement(_NAMED.with_for_update())


def subject(name: str) -> str:
    """Returns the key of a bucket in the store's memory."""
    return f"bucket {name}"


def find(connection: Connection, name: str) -> Bucket | None:
    row = _BY_NAME.first(connection, {"named": name})
    return Bucket(*row) if row else None


def hold(connection: Connection, name: str) -> Bucket | None:
    """Runs `find`, and prevents deletion and change of the bucket until the transaction ends."""
    remembered: Bucket | None = known(connection, subject(name), "row")
    if remembered is not None:
        return remembered
    row = _HELD.first(connection, {"named": name})
    return Bucket(*row) if row else None


def lock(connection: Connection, name: str) -> Bucket | None:
    """Runs `find`, for a transaction that changes or removes the bucket."""
    row = _LOCKED.first(connection, {"named": name})
    return Bucket(*row) if row else None


def add(connection: Connection, bucket: Bucket) -> None:
    """Inserts a bucket. Raises sqlalchemy.exc.IntegrityError if the name is in use."""
    connection.execute(insert(buckets).values(**vars(bucket)))


def page(connection: Connection, prefix: str, after: str, limit: int) -> list[Bucket]:
    """Returns at most `limit` buckets whose names begin with `prefix` and come after `after`."""
    if prefix != prefix.lower():  # no name has capitals, and SQLite's LIKE ignores case
        return []
    statement = _SELECT.where(buckets.c.name > after, buckets.c.name.startswith(prefix, autoescape=True))
    return [Bucket(*row) for row in connection.execute(statement.order_by(buckets.c.name).limit(limit))]


def change(connection: Connection, name: str, values: Mapping[str, Any]) -> None:
    changes(connection, subject(name))
    connection.execute(update(buckets).where(buckets.c.name == name).values(**values))


def is_empty(connection: Connection, name: str) -> bool:
    """True if no version or delete marker is left in the bucket."""
    return connection.execute(select(objects.c.key).where(objects.c.bucket == name).limit(1)).first() is None


def remove(connection: Connection, name: str) -> None:
    changes(connection, subject(name))
    connection.execute(delete(buckets).where(buckets.c.name == name))
