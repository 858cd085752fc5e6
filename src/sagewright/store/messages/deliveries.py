"""Pending deliveries to the targets of rules, in order per target, and the cursor of the log.

An event is queued for its targets in the transaction that moves the cursor past it, so a server that is killed has done both or
neither. A delivery is removed once it is done: if a server is killed before that, it is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from sagewright.model.clock import now_ms
from sagewright.store.absent import insert_absent
from sagewright.store.database import Database
from sagewright.store.events import EventCursor
from sagewright.store.schema.rules import cursors, deliveries
from sagewright.store.servers import is_dead

LOG = "rules"
LEASE_MS = 30_000
AT_ONCE = 50


@dataclass(frozen=True)
class Delivery:
    """An event for a target. `attempts`: number of failed attempts."""

    id: int
    target: str
    event: dict[str, Any]
    at_ms: int
    due_ms: int
    attempts: int


_COLUMNS = [deliveries.c[name] for name in Delivery.__dataclass_fields__]
Wanted = tuple[str, dict[str, Any]]
"""A target and an event for it."""


def cursor(store: Database, name: str = LOG) -> EventCursor | None:
    with store.read() as connection:
        row = connection.execute(select(cursors.c.writer, cursors.c.seq).where(cursors.c.name == name)).first()
    return EventCursor(*row) if row else None


def advance(
    store: Database, name: str, before: EventCursor | None, after: EventCursor, requested: Sequence[Wanted]
) -> bool:
    """Queues `requested` and advances the cursor; returns False, with no effect, if another server has moved it in the meantime."""
    with store.write() as connection:
        if not _move(connection, name, before, after):
            return False
        queue_in(connection, requested)
    return True


def _move(connection: Connection, name: str, before: EventCursor | None, after: EventCursor) -> bool:
    values = {"writer": after.writer, "seq": after.seq}
    if before is None:
        return insert_absent(connection, cursors, {"name": name, **values})
    here = and_(cursors.c.name == name, cursors.c.writer == before.writer, cursors.c.seq == before.seq)
    moved = connection.execute(update(cursors).where(here).values(**values).returning(cursors.c.name))
    return moved.first() is not None


def queue(store: Database, requested: Sequence[Wanted]) -> None:
    with store.write() as connection:
        queue_in(connection, requested)


def queue_in(connection: Connection, requested: Sequence[Wanted]) -> None:
    """Queues events in the transaction that makes them true."""
    now = now_ms()
    rows = ({"target": target, "event": event, "at_ms": now, "due_ms": now} for target, event in requested)
    while some := list(islice(rows, AT_ONCE)):  # each row has a separate text, though the events are the same
        connection.execute(insert(deliveries), some)


def heads(store: Database, limit: int = 1000) -> list[str]:
    """Returns the targets whose first delivery is due."""
    first = select(func.min(deliveries.c.id)).group_by(deliveries.c.target)
    statement = (
        select(deliveries.c.target).where(deliveries.c.id.in_(first), deliveries.c.due_ms <= now_ms()).limit(limit)
    )
    with store.read() as connection:
        return list(connection.execute(statement).scalars())


def take(store: Database, target: str, owner: str) -> Delivery | None:
    """Claims the first delivery of a target for `owner`, for LEASE_MS, if it is due and no other server has claimed it."""
    now = now_ms()
    with store.write() as connection:
        statement = select(*_COLUMNS).where(deliveries.c.target == target).order_by(deliveries.c.id).limit(1)
        row = connection.execute(statement).first()
        if row is None or row.due_ms > now:
            return None
        over = or_(deliveries.c.until_ms < now, is_dead(deliveries.c.owner))
        free = or_(deliveries.c.owner.is_(None), deliveries.c.owner == owner, over)
        held = update(deliveries).where(deliveries.c.id == row.id, free).values(owner=owner, until_ms=now + LEASE_MS)
        if connection.execute(held.returning(deliveries.c.id)).first() is None:
            return None
    return Delivery(*row)


def done(store: Database, delivery: Delivery) -> None:
    with store.write() as connection:
        done_in(connection, delivery)


def done_in(connection: Connection, delivery: Delivery) -> None:
    connection.execute(delete(deliveries).where(deliveries.c.id == delivery.id))


def later(store: Database, delivery: Delivery, delay_ms: int) -> None:
    """Records a failed attempt, and schedules the next one."""
    values = {"attempts": delivery.attempts + 1, "due_ms": now_ms() + delay_ms, "owner": None}
    with store.write() as connection:
        connection.execute(update(deliveries).where(deliveries.c.id == delivery.id).values(**values))


def waiting(store: Database, target: str) -> int:
    """Returns the number of pending deliveries of a target."""
    with store.read() as connection:
        count = select(func.count()).select_from(deliveries).where(deliveries.c.target == target)
        return int(connection.execute(count).scalar() or 0)


def forget_in(connection: Connection, subject: str) -> None:
    """Deletes the deliveries and the schedule of a deleted rule, by its id, or of one of its deleted targets."""
    connection.execute(
        delete(deliveries).where(
            or_(deliveries.c.target == subject, deliveries.c.target.startswith(f"{subject}/", autoescape=True))
        )
    )
    connection.execute(delete(cursors).where(cursors.c.name == subject))
