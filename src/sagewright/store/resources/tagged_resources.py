"""Resources of all services by their tags: their ARNs, page by page."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, or_, select

from sagewright.store.database import Database
from sagewright.store.schema.tags import tags


@dataclass(frozen=True)
class TagFilter:
    """Matches a tag with this key, and with one of these values if there are any."""

    key: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class TagQuery:
    """Resources that match all of `filters`. `patterns` and `others`: SQL patterns of ARNs; if given, one of each must match.
    `where`: their region and account, as in ARNs; `arns`: only these, if given."""

    filters: tuple[TagFilter, ...]
    patterns: tuple[str, ...]
    others: tuple[str, ...]
    where: str
    arns: tuple[str, ...] = ()


def page(store: Database, requested: TagQuery, after: str, limit: int) -> list[str]:
    """Returns at most `limit` ARNs after `after`, ascending."""
    statement = select(tags.c.arn).distinct().where(tags.c.arn > after, _here(requested.where))
    for one in requested.filters:
        statement = statement.where(tags.c.arn.in_(_having(one)))
    for patterns in filter(None, (requested.patterns, requested.others)):
        statement = statement.where(or_(*(tags.c.arn.like(pattern) for pattern in patterns)))
    if requested.arns:
        statement = statement.where(tags.c.arn.in_(requested.arns))
    with store.read() as connection:
        return [row[0] for row in connection.execute(statement.order_by(tags.c.arn).limit(limit))]


def with_key(store: Database, key: str) -> list[tuple[str, str]]:
    """Returns the ARN and the value of every tag with this key. Reads the table of tags whole."""
    statement = select(tags.c.arn, tags.c.value).where(tags.c.key == key).order_by(tags.c.arn)
    with store.read() as connection:
        return [(row[0], row[1]) for row in connection.execute(statement)]


def names(store: Database, where: str, key: str | None, after: str | None, limit: int) -> list[str]:
    """Returns at most `limit` tag keys in use, or values of a key, after `after`, ascending."""
    column = tags.c.key if key is None else tags.c.value
    conditions = [_here(where)]
    conditions += [] if key is None else [tags.c.key == key]
    conditions += [] if after is None else [column > after]
    statement = select(column).distinct().where(and_(*conditions)).order_by(column).limit(limit)
    with store.read() as connection:
        return [row[0] for row in connection.execute(statement)]


def _having(one: TagFilter) -> Select[tuple[str]]:
    found = select(tags.c.arn).where(tags.c.key == one.key)
    return found.where(tags.c.value.in_(one.values)) if one.values else found


def _here(where: str) -> ColumnElement[bool]:
    """Matches ARNs of the region and account. IAM's and S3's ARNs have no region; S3's no account."""
    account = where.partition(":")[2]
    return or_(
        tags.c.arn.like(f"arn:%:{where}:%"), tags.c.arn.like(f"arn:%::{account}:%"), tags.c.arn.like("arn:%:s3:::%")
    )
