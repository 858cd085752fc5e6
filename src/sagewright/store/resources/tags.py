"""Tags of a resource, by its ARN."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, tuple_

from sagewright.store.among import among
from sagewright.store.database import Database
from sagewright.store.memory import IDENTITIES, changes
from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.tags import tags


@dataclass(frozen=True)
class Tag:
    """One tag; `position` and key give its position in the list."""

    position: int
    key: str
    value: str


_TAGS = select(tags.c.position, tags.c.key, tags.c.value).order_by(tags.c.position, tags.c.key)
_OF_ALL = PreparedStatement(_TAGS.add_columns(tags.c.arn).where(among(tags.c.arn, "arns")))

_DELETE = PreparedStatement(delete(tags).where(tags.c.arn == bindparam("of"), tags.c.key == bindparam("named")))
_INSERT = PreparedStatement(insert(tags), ("arn", "key", "value", "position"))


def add(store: Database, arn: str, pairs: dict[str, str]) -> None:
    """Sets tags, replacing those with the same key."""
    with store.write() as connection:
        add_in(connection, arn, pairs)


def add_in(connection: Connection, arn: str, pairs: dict[str, str]) -> None:
    """`add` inside the caller's transaction."""
    for position, (key, value) in enumerate(pairs.items()):
        _DELETE.run(connection, {"of": arn, "named": key})
        _INSERT.run(connection, {"arn": arn, "key": key, "value": value, "position": position})
    _declare(connection, arn)


def extend(store: Database, arn: str, pairs: dict[str, str], most: int) -> int:
    """Runs `add` unless the resource would have more than `most` tags; returns the resulting number."""
    with store.write() as connection:
        count = len(of_in(connection, arn) | pairs)
        if count <= most:
            add_in(connection, arn, pairs)
    return count


def of(store: Database, arn: str) -> dict[str, str]:
    with store.read() as connection:
        return of_in(connection, arn)


def of_in(connection: Connection, arn: str) -> dict[str, str]:
    """`of` inside the caller's transaction."""
    return {row.key: row.value for row in connection.execute(_TAGS.where(tags.c.arn == arn))}


def of_all(store: Database, arns: Sequence[str]) -> dict[str, dict[str, str]]:
    """Returns the tags of each resource, by its ARN."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    with store.read() as connection:
        for _, key, value, arn in _OF_ALL.all(connection, {"arns": arns}):
            found[arn][key] = value
    return found


def page(store: Database, arn: str, limit: int, after: tuple[int, str] | None) -> list[Tag]:
    """Returns at most `limit` tags, after the position and key that the previous page ended with."""
    statement = _TAGS.where(tags.c.arn == arn).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(tags.c.position, tags.c.key) > after)
    with store.read() as connection:
        return [Tag(*row) for row in connection.execute(statement)]


def remove(store: Database, arn: str, keys: list[str] | None = None) -> None:
    """Deletes the tags with these keys; all of them for None."""
    with store.write() as connection:
        remove_in(connection, arn, keys)


def remove_in(connection: Connection, arn: str, keys: list[str] | None = None) -> None:
    """`remove` inside the caller's transaction."""
    statement = delete(tags).where(tags.c.arn == arn)
    if keys is not None:
        statement = statement.where(tags.c.key.in_(keys))
    connection.execute(statement)
    _declare(connection, arn)


def _declare(connection: Connection, arn: str) -> None:
    """Declares a change of a principal's tags, which affect its rights."""
    if ":iam::" in arn:
        changes(connection, IDENTITIES)
