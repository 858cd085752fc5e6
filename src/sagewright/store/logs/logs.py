"""Log groups, streams and events. Events of a stream are numbered in order of arrival; that order is stable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, cast, delete, func, insert, literal, select, tuple_, update

from sagewright.model.clock import now_ms
from sagewright.store.absent import insert_absent
from sagewright.store.database import Database
from sagewright.store.schema.logs import log_events, log_groups, log_streams

OVERHEAD_BYTES = 26  # bytes that CloudWatch counts for an event in addition to its UTF-8 message


@dataclass(frozen=True)
class LogScope:
    account: str
    region: str


@dataclass(frozen=True)
class LogStream:
    id: int
    group_name: str
    name: str
    created_ms: int
    first_ms: int | None
    last_ms: int | None
    ingested_ms: int | None
    next_seq: int
    stored_bytes: int


@dataclass(frozen=True)
class StreamQuery:
    """A page of a list of streams. `after`: the position it begins behind, the last stream's name or (last_ms, name)."""

    prefix: str = ""
    by_time: bool = False
    descending: bool = False
    limit: int = 50
    after: tuple[Any, ...] | None = None


DELETED = LogScope("", "")
"""Scope of deleted streams until their events are removed (store.logs.log_sweep)."""
SLICE = 500
"""Number of streams marked in one transaction."""

_STREAM = [log_streams.c[name] for name in LogStream.__dataclass_fields__]


def create_group(store: Database, scope: LogScope, name: str) -> bool:
    """Creates a group; returns False if it exists."""
    with store.write() as connection:
        return _create_group(connection, scope, name)


def _create_group(connection: Connection, scope: LogScope, name: str) -> bool:
    where = _group_where(scope, name)
    if connection.execute(select(log_groups.c.name).where(*where)).first():
        return False
    return insert_absent(connection, log_groups, {"name": name, "created_ms": now_ms(), **vars(scope)})


@dataclass(frozen=True)
class GroupQuery:
    """A page of a list of groups. `after`: the name that it begins behind; `skip`: rows that it leaves out."""

    prefix: str = ""
    pattern: str = ""
    limit: int = 50
    after: str = ""
    skip: int = 0


def groups(store: Database, scope: LogScope, query: GroupQuery) -> list[Any]:
    """Returns (name, created_ms, retention_days, stored_bytes) by name."""
    stored = func.coalesce(
        select(func.sum(log_streams.c.stored_bytes))
        .where(
            log_streams.c.account == log_groups.c.account,
            log_streams.c.region == log_groups.c.region,
            log_streams.c.group_name == log_groups.c.name,
        )
        .scalar_subquery(),
        0,
    ).label("stored_bytes")
    statement = (
        select(log_groups.c.name, log_groups.c.created_ms, log_groups.c.retention_days, stored)
        .where(*_listed(scope, query))
        .order_by(log_groups.c.name)
        .limit(query.limit)
        .offset(query.skip)
    )
    with store.read() as connection:
        return list(connection.execute(statement))


def count_groups(store: Database, scope: LogScope, query: GroupQuery) -> int:
    with store.read() as connection:
        return connection.execute(
            select(func.count()).select_from(log_groups).where(*_listed(scope, query))
        ).scalar_one()


def _listed(scope: LogScope, query: GroupQuery) -> list[ColumnElement[bool]]:
    return [
        log_groups.c.account == scope.account,
        log_groups.c.region == scope.region,
        log_groups.c.name > query.after,
        log_groups.c.name.startswith(query.prefix, autoescape=True),
        log_groups.c.name.contains(query.pattern, autoescape=True),
    ]


def group_exists(store: Database, scope: LogScope, name: str) -> bool:
    with store.read() as connection:
        return connection.execute(select(log_groups.c.name).where(*_group_where(scope, name))).first() is not None


def retention(store: Database, scope: LogScope, name: str) -> int | None:
    """Returns the retention in days; None for unlimited."""
    with store.read() as connection:
        statement = select(log_groups.c.retention_days).where(*_group_where(scope, name))
        days: int | None = connection.execute(statement).scalar()
    return days


def set_retention(store: Database, scope: LogScope, name: str, days: int | None) -> None:
    with store.write() as connection:
        connection.execute(update(log_groups).where(*_group_where(scope, name)).values(retention_days=days))


def delete_group(store: Database, scope: LogScope, name: str) -> None:
    """Deletes a group. Its streams are marked in batches; the group exists until the last one is."""
    some = select(log_streams.c.id).where(*_stream_where(scope, name)).limit(SLICE)
    while True:
        with store.write() as connection:
            marked = list(connection.execute(some).scalars())
            _mark(connection, marked)
            if len(marked) < SLICE:
                connection.execute(delete(log_groups).where(*_group_where(scope, name)))
                return


def _mark(connection: Connection, stream_ids: list[int]) -> None:
    connection.execute(
        update(log_streams)
        .where(log_streams.c.id.in_(stream_ids))
        .values(group_name="", name=cast(log_streams.c.id, String), **vars(DELETED))
    )


def _group_where(scope: LogScope, name: str) -> tuple[Any, ...]:
    return (
        log_groups.c.account == scope.account,
        log_groups.c.region == scope.region,
        log_groups.c.name == name,
    )


def _stream_where(scope: LogScope, group: str) -> tuple[Any, ...]:
    return (
        log_streams.c.account == scope.account,
        log_streams.c.region == scope.region,
        log_streams.c.group_name == group,
    )


def streams(store: Database, scope: LogScope, group: str, prefix: str = "") -> list[LogStream]:
    """Returns the streams of a group whose names begin with `prefix`, by name."""
    statement = (
        select(*_STREAM)
        .where(*_stream_where(scope, group), log_streams.c.name.startswith(prefix, autoescape=True))
        .order_by(log_streams.c.name)
    )
    with store.read() as connection:
        return [LogStream(**row._mapping) for row in connection.execute(statement)]


def page(store: Database, scope: LogScope, group: str, query: StreamQuery) -> list[LogStream]:
    """Returns at most `query.limit` streams in the requested order: by name, or by the time of the last event."""
    keys: list[Any] = [log_streams.c.name]
    if query.by_time:
        keys.insert(0, func.coalesce(log_streams.c.last_ms, 0))
    statement = select(*_STREAM).where(*_stream_where(scope, group))
    if query.prefix:
        statement = statement.where(log_streams.c.name.startswith(query.prefix, autoescape=True))
    if query.after is not None:
        behind, here = tuple_(*keys), tuple_(*map(literal, query.after))
        statement = statement.where(behind < here if query.descending else behind > here)
    order = [key.desc() if query.descending else key.asc() for key in keys]
    with store.read() as connection:
        return [LogStream(*row) for row in connection.execute(statement.order_by(*order).limit(query.limit))]


def find_stream(store: Database, scope: LogScope, group: str, name: str) -> LogStream | None:
    with store.read() as connection:
        return _find_stream(connection, scope, group, name)


def _find_stream(
    connection: Connection, scope: LogScope, group: str, name: str, *, lock: bool = False
) -> LogStream | None:
    statement = select(*_STREAM).where(*_stream_where(scope, group), log_streams.c.name == name)
    row = connection.execute(statement.with_for_update() if lock else statement).first()
    return LogStream(**row._mapping) if row else None


def create_stream(store: Database, scope: LogScope, group: str, name: str) -> bool:
    """Creates a stream; returns False if it exists."""
    with store.write() as connection:
        if _find_stream(connection, scope, group, name):
            return False
        _create_group(connection, scope, group)
        return _create_stream(connection, scope, group, name)


def ensure_stream(connection: Connection, scope: LogScope, group: str, name: str) -> LogStream:
    """Returns the stream, creating it and its group if needed; it is locked against other writers."""
    found = _find_stream(connection, scope, group, name, lock=True)
    if found:
        return found
    _create_group(connection, scope, group)
    _create_stream(connection, scope, group, name)
    made = _find_stream(connection, scope, group, name, lock=True)
    assert made is not None
    return made


def _create_stream(connection: Connection, scope: LogScope, group: str, name: str) -> bool:
    """Creates a stream; returns False if it exists."""
    values = {"group_name": group, "name": name, "created_ms": now_ms(), "next_seq": 0, "stored_bytes": 0}
    return insert_absent(connection, log_streams, values | vars(scope))


def delete_stream(store: Database, stream: LogStream) -> None:
    with store.write() as connection:
        _mark(connection, [stream.id])


def append(connection: Connection, stream: LogStream, lines: Sequence[tuple[int, str]]) -> None:
    """Appends (at_ms, message) pairs to a stream, in the caller's transaction."""
    if not lines:
        return
    now = now_ms()
    connection.execute(
        insert(log_events),
        [
            {
                "stream_id": stream.id,
                "seq": stream.next_seq + i,
                "at_ms": at_ms,
                "ingested_ms": now,
                "message": message.replace("\x00", "\ufffd"),
            }
            for i, (at_ms, message) in enumerate(lines)
        ],
    )
    times = [at_ms for at_ms, _ in lines]
    size = sum(len(message.encode()) + OVERHEAD_BYTES for _, message in lines)
    connection.execute(
        update(log_streams)
        .where(log_streams.c.id == stream.id)
        .values(
            next_seq=stream.next_seq + len(lines),
            first_ms=min([*times, stream.first_ms] if stream.first_ms is not None else times),
            last_ms=max([*times, stream.last_ms] if stream.last_ms is not None else times),
            ingested_ms=now,
            stored_bytes=stream.stored_bytes + size,
        )
    )


def put(store: Database, scope: LogScope, stream: tuple[str, str], lines: Sequence[tuple[int, str]]) -> None:
    """Appends to the stream (group, name) in a separate transaction."""
    with store.write() as connection:
        append(connection, ensure_stream(connection, scope, *stream), lines)
