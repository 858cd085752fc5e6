"""The event log: one append-only sequence for subjects of every kind, and cursors that miss no entry.

Statuses are projected from it (`store.jobs.jobs.move`); SecondaryStatusTransitions, the index and other followers read it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)

from sagewright.store.among import among
from sagewright.store.database import Database
from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.events import events

REMOVED = ""
"""Kind and id of the log's last entry after its subject was removed."""


@dataclass(frozen=True)
class EventSubject:
    """The subject of an event."""

    kind: str
    id: str


@dataclass(frozen=True)
class EventEntry:
    """One entry of the log. `principal`: the ARN of the caller, "" if no request caused it."""

    at_ms: int
    status: str
    step: str
    message: str
    detail: dict[str, Any] | None = None
    principal: str = ""


@dataclass(frozen=True)
class EventCursor:
    """A position in the log; the first one is before all entries."""

    writer: int = 0
    seq: int = 0


@dataclass(frozen=True)
class Logged:
    """An entry with its position in the log."""

    cursor: EventCursor
    subject: EventSubject
    entry: EventEntry


_ENTRY = [events.c[name] for name in EventEntry.__dataclass_fields__]
_OF = PreparedStatement(select(*_ENTRY).where(events.c.subject_id == bindparam("subject_id")).order_by(events.c.seq))
_OF_SEVERAL = PreparedStatement(
    select(events.c.subject_id, *_ENTRY).where(among(events.c.subject_id, "ids")).order_by(events.c.seq)
)
_BEFORE = (
    select(*_ENTRY)
    .where(
        events.c.subject_id == bindparam("subject_id"),
        tuple_(events.c.writer, events.c.seq) < tuple_(bindparam("writer"), bindparam("seq")),
    )
    .order_by(events.c.writer.desc(), events.c.seq.desc())
    .limit(1)
)
_INSERTED = ("kind", "subject_id", *EventEntry.__dataclass_fields__)
_INSERT = PreparedStatement(insert(events), _INSERTED)
_IS_SETTLED = events.c.writer < literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


def _of_log(*columns: ColumnElement[Any]) -> tuple[PreparedStatement, PreparedStatement]:
    """Returns statements for these columns after a cursor: for SQLite, and for PostgreSQL.

    SQLite has one writer: it would compare a pair that ends with the row's id with every entry of the log.
    """
    page = select(events.c.writer, events.c.seq, *columns).limit(bindparam("how_many"))
    settled = page.where(
        tuple_(events.c.writer, events.c.seq) > tuple_(bindparam("writer"), bindparam("seq")), _IS_SETTLED
    )
    return (
        PreparedStatement(page.where(events.c.seq > bindparam("seq")).order_by(events.c.seq)),
        PreparedStatement(settled.order_by(events.c.writer, events.c.seq)),
    )


_AFTER, _SETTLED = _of_log(events.c.kind, events.c.subject_id, *_ENTRY)
_KINDS_AFTER, _KINDS_SETTLED = _of_log(events.c.kind)
_LAST = select(func.max(events.c.seq))
_KEEP_PLACE = (
    update(events)
    .where(events.c.seq == _LAST.scalar_subquery(), events.c.subject_id == bindparam("removed"))
    .values(kind=REMOVED, subject_id=REMOVED, status="", step="", message="", detail=None, principal="")
)
_OLD_PLACES = delete(events).where(events.c.subject_id == REMOVED, events.c.seq < _LAST.scalar_subquery())
_REMOVE = delete(events).where(events.c.subject_id == bindparam("subject_id"))


def append(connection: Connection, subject: EventSubject, entry: EventEntry) -> None:
    """Appends an entry, in the transaction that makes it true."""
    _INSERT.run(connection, {"kind": subject.kind, "subject_id": subject.id, **vars(entry)})


def append_all(connection: Connection, several: Sequence[tuple[EventSubject, EventEntry]]) -> None:
    """Appends entries of several subjects, in their order, in the transaction that makes them true."""
    _INSERT.many(
        connection, _INSERTED, [(*vars(subject).values(), *vars(entry).values()) for subject, entry in several]
    )


def of(store: Database, subject_id: str) -> list[EventEntry]:
    """Returns all entries of one subject, oldest first."""
    with store.read() as connection:
        return [EventEntry(*row) for row in _OF.all(connection, {"subject_id": subject_id})]


def before(store: Database, logged: Logged) -> EventEntry | None:
    """Returns the previous entry of the same subject, by position: two entries of one millisecond may be equal."""
    place = {"subject_id": logged.subject.id, "writer": logged.cursor.writer, "seq": logged.cursor.seq}
    with store.read() as connection:
        row = connection.execute(_BEFORE, place).first()
    return None if row is None else EventEntry(*row)


def of_several(store: Database, subject_ids: Sequence[str]) -> dict[str, list[EventEntry]]:
    """Returns the entries of several subjects, by subject."""
    found: dict[str, list[EventEntry]] = defaultdict(list)
    with store.read() as connection:
        for subject_id, *values in _OF_SEVERAL.all(connection, {"ids": subject_ids}):
            found[subject_id].append(EventEntry(*values))
    return found


def after(store: Database, cursor: EventCursor, limit: int) -> list[Logged]:
    """Returns at most `limit` entries after the cursor. A reader that continues from the last one's cursor gets each entry exactly
    once.

    PostgreSQL numbers an entry before its transaction is committed, so the number is not an order there: entries are ordered by the
    transactions that wrote them, and read only up to the oldest open transaction, which can still add entries.
    """
    rows = _page(store, _AFTER if store.embedded else _SETTLED, cursor, limit)
    return [Logged(EventCursor(*row[:2]), EventSubject(*row[2:4]), EventEntry(*row[4:])) for row in rows]


def kinds_after(store: Database, cursor: EventCursor, limit: int) -> tuple[frozenset[str], EventCursor]:
    """Returns the kinds of the subjects of the entries that `after` returns, without reading these, and the last one's cursor: the
    given one if there are no entries.
    """
    rows = _page(store, _KINDS_AFTER if store.embedded else _KINDS_SETTLED, cursor, limit)
    return frozenset(kind for _, _, kind in rows), EventCursor(*rows[-1][:2]) if rows else cursor


def _page(store: Database, statement: PreparedStatement, cursor: EventCursor, limit: int) -> Sequence[Sequence[Any]]:
    values = {"writer": cursor.writer, "seq": cursor.seq, "how_many": limit}
    with store.read() as connection:
        return statement.all(connection, values)


def last(store: Database) -> EventCursor:
    """Returns the position of the newest entry that `after` returns, whatever the length of the log."""
    newest = select(events.c.writer, events.c.seq).order_by(events.c.writer.desc(), events.c.seq.desc()).limit(1)
    if not store.embedded:
        newest = newest.where(_IS_SETTLED)
    with store.read() as connection:
        row = connection.execute(newest).first()
    return EventCursor(*row) if row else EventCursor()


def remove(connection: Connection, subject_id: str) -> None:
    """Removes the entries of a subject. The last entry of the log keeps its position, without its content, until there are later
    ones: otherwise SQLite would reuse its number for the next entry, which all readers at that position would miss.
    """
    connection.execute(_KEEP_PLACE, {"removed": subject_id})
    connection.execute(_OLD_PLACES)
    connection.execute(_REMOVE, {"subject_id": subject_id})
