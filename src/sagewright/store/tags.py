"""Tags of a resource, by its ARN."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from sagewright.store.database import Database
from sagewright.store.schema.tags import tags


def add(store: Database, arn: str, pairs: dict[str, str]) -> None:
    """Set tags; one of the same key is replaced."""
    with store.write() as connection:
        add_in(connection, arn, pairs)


def add_in(connection: Connection, arn: str, pairs: dict[str, str]) -> None:
    """`add` inside a transaction of the caller's."""
    connection.execute(delete(tags).where(tags.c.arn == arn, tags.c.key.in_(list(pairs))))
    if pairs:
        rows = [{"arn": arn, "key": k, "value": v, "position": i} for i, (k, v) in enumerate(pairs.items())]
        connection.execute(insert(tags), rows)


def of(store: Database, arn: str) -> dict[str, str]:
    statement = select(tags.c.key, tags.c.value).where(tags.c.arn == arn).order_by(tags.c.position, tags.c.key)
    with store.read() as connection:
        return {row.key: row.value for row in connection.execute(statement)}


def remove(store: Database, arn: str, keys: list[str] | None = None) -> None:
    """Delete the tags of these keys, all of them for None."""
    statement = delete(tags).where(tags.c.arn == arn)
    if keys is not None:
        statement = statement.where(tags.c.key.in_(keys))
    with store.write() as connection:
        connection.execute(statement)
