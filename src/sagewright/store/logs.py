"""Log groups, streams and events. Events of a stream are numbered in the order they came; that order is stable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from sagewright.model.clock import now_ms
from sagewright.store.database import Database
from sagewright.store.schema.logs import log_events, log_groups, log_streams

OVERHEAD_BYTES = 26  # what CloudWatch counts for an event besides its UTF-8 message


@dataclass(frozen=True)
class Place:
    account: str
    region: str


@dataclass(frozen=True)
class Stream:
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
class LogEvent:
    stream_id: int
    seq: int
    at_ms: int
    ingested_ms: int
    message: str


@dataclass(frozen=True)
class Window:
    """A slice of a stream: times (inclusive, exclusive), the sequence numbers it lies between, direction, size."""

    start_ms: int | None = None
    end_ms: int | None = None
    from_seq: int | None = None
    before_seq: int | None = None
    forward: bool = True
    limit: int = 10_000


_STREAM = [log_streams.c[name] for name in Stream.__dataclass_fields__]
_EVENT = [log_events.c[name] for name in LogEvent.__dataclass_fields__]


def create_group(store: Database, place: Place, name: str) -> bool:
    """False when it exists."""
    try:
        with store.write() as connection:
            return _create_group(connection, place, name)
    except IntegrityError:
        return False


def _create_group(connection: Connection, place: Place, name: str) -> bool:
    where = _group_where(place, name)
    if connection.execute(select(log_groups.c.name).where(*where)).first():
        return False
    connection.execute(insert(log_groups).values(name=name, created_ms=now_ms(), **vars(place)))
    return True


def groups(store: Database, place: Place, prefix: str = "", pattern: str = "") -> list[Any]:
    """(name, created_ms, retention_days, stored_bytes) by name."""
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
        .where(
            log_groups.c.account == place.account,
            log_groups.c.region == place.region,
            log_groups.c.name.startswith(prefix, autoescape=True),
            log_groups.c.name.contains(pattern, autoescape=True),
        )
        .order_by(log_groups.c.name)
    )
    with store.read() as connection:
        return list(connection.execute(statement))


def group_exists(store: Database, place: Place, name: str) -> bool:
    with store.read() as connection:
        return connection.execute(select(log_groups.c.name).where(*_group_where(place, name))).first() is not None


def set_retention(store: Database, place: Place, name: str, days: int | None) -> None:
    with store.write() as connection:
        connection.execute(update(log_groups).where(*_group_where(place, name)).values(retention_days=days))


def delete_group(store: Database, place: Place, name: str) -> None:
    for stream in streams(store, place, name):
        delete_stream(store, stream)
    with store.write() as connection:
        connection.execute(delete(log_groups).where(*_group_where(place, name)))


def _group_where(place: Place, name: str) -> tuple[Any, ...]:
    return (
        log_groups.c.account == place.account,
        log_groups.c.region == place.region,
        log_groups.c.name == name,
    )


def _stream_where(place: Place, group: str) -> tuple[Any, ...]:
    return (
        log_streams.c.account == place.account,
        log_streams.c.region == place.region,
        log_streams.c.group_name == group,
    )


def streams(store: Database, place: Place, group: str, prefix: str = "") -> list[Stream]:
    """The streams of a group whose names begin with `prefix`, by name."""
    statement = (
        select(*_STREAM)
        .where(*_stream_where(place, group), log_streams.c.name.startswith(prefix, autoescape=True))
        .order_by(log_streams.c.name)
    )
    with store.read() as connection:
        return [Stream(**row._mapping) for row in connection.execute(statement)]


def find_stream(store: Database, place: Place, group: str, name: str) -> Stream | None:
    with store.read() as connection:
        return _find_stream(connection, place, group, name)


def _find_stream(connection: Connection, place: Place, group: str, name: str) -> Stream | None:
    row = connection.execute(select(*_STREAM).where(*_stream_where(place, group), log_streams.c.name == name)).first()
    return Stream(**row._mapping) if row else None


def create_stream(store: Database, place: Place, group: str, name: str) -> bool:
    """False when it exists."""
    try:
        with store.write() as connection:
            if _find_stream(connection, place, group, name):
                return False
            ensure_stream(connection, place, group, name)
    except IntegrityError:
        return False
    return True


def ensure_stream(connection: Connection, place: Place, group: str, name: str) -> Stream:
    """The stream, made together with its group where they do not exist."""
    found = _find_stream(connection, place, group, name)
    if found:
        return found
    _create_group(connection, place, group)
    connection.execute(
        insert(log_streams).values(
            group_name=group, name=name, created_ms=now_ms(), next_seq=0, stored_bytes=0, **vars(place)
        )
    )
    made = _find_stream(connection, place, group, name)
    assert made is not None
    return made


def delete_stream(store: Database, stream: Stream) -> None:
    with store.write() as connection:
        connection.execute(delete(log_events).where(log_events.c.stream_id == stream.id))
        connection.execute(delete(log_streams).where(log_streams.c.id == stream.id))


def append(connection: Connection, stream: Stream, lines: Sequence[tuple[int, str]]) -> None:
    """Add (at_ms, message) pairs to the end of a stream, in the caller's transaction."""
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


def put(store: Database, place: Place, stream: tuple[str, str], lines: Sequence[tuple[int, str]]) -> None:
    """Append to the stream (group, name) in a transaction of its own."""
    with store.write() as connection:
        append(connection, ensure_stream(connection, place, *stream), lines)


def read(store: Database, stream: Stream, window: Window) -> list[LogEvent]:
    """The events of a window in the stream's order, whichever end it was cut from."""
    statement = select(*_EVENT).where(log_events.c.stream_id == stream.id, *_bounds(window))
    order = log_events.c.seq.asc() if window.forward else log_events.c.seq.desc()
    with store.read() as connection:
        rows = [LogEvent(**row._mapping) for row in connection.execute(statement.order_by(order).limit(window.limit))]
    return rows if window.forward else rows[::-1]


def _bounds(window: Window) -> list[Any]:
    bounds: list[tuple[int | None, Callable[[int], Any]]] = [
        (window.start_ms, lambda v: log_events.c.at_ms >= v),
        (window.end_ms, lambda v: log_events.c.at_ms < v),
        (window.from_seq, lambda v: log_events.c.seq >= v),
        (window.before_seq, lambda v: log_events.c.seq < v),
    ]
    return [condition(value) for value, condition in bounds if value is not None]


def merged(
    store: Database, stream_ids: list[int], window: Window, after: tuple[int, int, int] | None
) -> list[LogEvent]:
    """Events of several streams by time; `after` is the (at_ms, stream_id, seq) of the last event already given."""
    statement = select(*_EVENT).where(log_events.c.stream_id.in_(stream_ids), *_bounds(window))
    if after is not None:
        at_ms, stream_id, seq = after
        statement = statement.where(
            or_(
                log_events.c.at_ms > at_ms,
                and_(log_events.c.at_ms == at_ms, log_events.c.stream_id > stream_id),
                and_(
                    log_events.c.at_ms == at_ms,
                    log_events.c.stream_id == stream_id,
                    log_events.c.seq > seq,
                ),
            )
        )
    order = (log_events.c.at_ms, log_events.c.stream_id, log_events.c.seq)
    with store.read() as connection:
        return [LogEvent(**row._mapping) for row in connection.execute(statement.order_by(*order).limit(window.limit))]
