"""Rows of the audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, func, select

from sagewright.store.absent import insert_of
from sagewright.store.database import Database
from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.audit import audit_events, audit_resources

_SLICE, _MOST_SLICES = 500, 40
"""Rows of one deletion, and deletions of one run."""
_COLUMNS = list(audit_events.c)
_NAMES = tuple(column.name for column in _COLUMNS)
_OLD = select(audit_events.c.id).where(audit_events.c.id < bindparam("bound")).order_by(audit_events.c.id).limit(_SLICE)


@dataclass(frozen=True)
class AuditedResource:
    """`type`: as CloudFormation names it."""

    name: str
    arn: str
    type: str


@dataclass(frozen=True)
class AuditEntry:
    """See the table for the columns."""

    id: str
    region: str
    source: str
    name: str
    username: str
    access_key: str
    reads: int
    error: str
    record: str
    resources: tuple[AuditedResource, ...] = ()

    def as_list(self) -> list[Any]:
        """Returns the columns in order, the resources last."""
        return [*_values(self), [(one.name, one.arn, one.type) for one in self.resources]]

    @staticmethod
    def is_list(values: Any) -> bool:
        """True for what `as_list` returns, read from JSON."""
        if not isinstance(values, list) or len(values) != len(_NAMES) + 1 or not isinstance(values[-1], list):
            return False
        return all(isinstance(one, list) and len(one) == 3 for one in values[-1])


_values = attrgetter(*_NAMES)


@cache
def _inserts(dialect: str) -> tuple[PreparedStatement, PreparedStatement]:
    events, resources = (
        PreparedStatement(insert_of(dialect)(table).on_conflict_do_nothing(), tuple(column.name for column in table.c))
        for table in (audit_events, audit_resources)
    )
    return events, resources


@dataclass(frozen=True)
class AuditQuery:
    """`equal`: values of columns, `resource`: a name or an ARN, `type`: of a resource; `from_ms` and `to_ms` are included."""

    region: str
    equal: dict[str, Any] = field(default_factory=dict)
    resource: str = ""
    type: str = ""
    from_ms: int | None = None
    to_ms: int | None = None
    before: str = ""
    """Id of the last entry of the page before."""
    skip: int = 0
    """Entries that the page leaves out."""


def put(store: Database, entries: Sequence[AuditEntry]) -> None:
    """Inserts entries; those that are there stay."""
    put_lists(store, [one.as_list() for one in entries])


def put_lists(store: Database, lists: Sequence[list[Any]]) -> None:
    """`put` of entries as `AuditEntry.as_list` returns them: objects for a thousand rows cost more than the rows."""
    rows = [one[:-1] for one in lists]
    about = [(one[0], *each) for one in lists for each in one[-1]]
    events, resources = _inserts("sqlite" if store.embedded else "postgresql")
    with store.write() as connection:
        events.many(connection, _NAMES, rows)
        resources.many(connection, ("event_id", "name", "arn", "type"), about)


def find(store: Database, query: AuditQuery, limit: int) -> list[AuditEntry]:
    """Returns at most `limit` entries, newest first."""
    statement = select(*_COLUMNS).where(*_conditions(query)).order_by(audit_events.c.id.desc()).limit(limit)
    statement = statement.offset(query.skip) if query.skip else statement
    with store.read() as connection:
        rows = connection.execute(statement).all()
        ids = [row.id for row in rows]
        about = connection.execute(select(audit_resources).where(audit_resources.c.event_id.in_(ids))).all()
    found: dict[str, list[AuditedResource]] = {}
    for row in about:
        found.setdefault(row.event_id, []).append(AuditedResource(row.name, row.arn, row.type))
    return [replace(AuditEntry(*row), resources=tuple(found.get(row.id, ()))) for row in rows]


def count(store: Database, query: AuditQuery, most: int) -> int:
    """Returns the number of entries, at most `most`."""
    found = select(audit_events.c.id).where(*_conditions(query)).limit(most).subquery()
    with store.read() as connection:
        return connection.execute(select(func.count()).select_from(found)).scalar_one()


def _conditions(query: AuditQuery) -> list[ColumnElement[bool]]:
    kept: list[ColumnElement[bool]] = [audit_events.c.region == query.region]
    kept += [audit_events.c[name] == value for name, value in query.equal.items()]
    about = audit_resources.c
    if query.resource:
        named = about.name == name_of(query.resource)
        if query.resource.startswith("arn:"):
            named = named & (about.arn == query.resource)
        kept.append(audit_events.c.id.in_(select(about.event_id).where(named)))
    if query.type:
        kept.append(audit_events.c.id.in_(select(about.event_id).where(about.type == query.type)))
    if query.from_ms is not None:
        kept.append(audit_events.c.id >= first_id(query.from_ms))
    if query.to_ms is not None:
        kept.append(audit_events.c.id < first_id(query.to_ms + 1))
    return [*kept, audit_events.c.id < query.before] if query.before else kept


def name_of(text: str) -> str:
    """Returns the name in an ARN; a name itself is returned."""
    if not text.startswith("arn:"):
        return text
    last = text.split(":", 5)[-1]
    return last.partition("/")[2] or last.rpartition(":")[2]


def first_id(at_ms: int) -> str:
    """Returns a text that is less than or equal to each id of this time or later, and greater than all earlier ids."""
    digits = f"{max(0, at_ms):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def at_ms(event_id: str) -> int:
    """Returns the time of an id."""
    return int(event_id[:8] + event_id[9:13], 16)


def remove_before(store: Database, bound_ms: int) -> int:
    """Deletes the oldest entries before a time, at most some thousands; returns how many."""
    removed = 0
    for _ in range(_MOST_SLICES):
        with store.write() as connection:
            ids = list(connection.execute(_OLD, {"bound": first_id(bound_ms)}).scalars())
            if ids:
                connection.execute(delete(audit_resources).where(audit_resources.c.event_id.in_(ids)))
                connection.execute(delete(audit_events).where(audit_events.c.id.in_(ids)))
        removed += len(ids)
        if len(ids) < _SLICE:
            break
    return removed
