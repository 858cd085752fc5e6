"""Associations between lineage entities, and the sources of entities.

An association is found by either end through an index, so a walk over the graph takes one query per step and direction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, literal, or_, select, update

from sagewright.model.clock import now_ms
from sagewright.store.absent import insert_absent
from sagewright.store.among import among
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Condition, PageRequest, TableListing
from sagewright.store.prepared import PreparedStatement
from sagewright.store.resources.resources import Resource, put_all_in
from sagewright.store.schema.lineage import lineage_associations, lineage_entities
from sagewright.store.schema.resources import resources

_OWN, _ENTITIES = lineage_associations.c, lineage_entities.c
_STANDING = PreparedStatement(
    select(resources.c.name, resources.c.id)
    .where(
        resources.c.kind == bindparam("kind"),
        resources.c.account == bindparam("account"),
        resources.c.region == bindparam("region"),
        among(resources.c.name, "names"),
        resources.c.version == literal(0),
    )
    .with_for_update()
)
_LINKED = PreparedStatement(
    select(_OWN.source).where(_OWN.source == bindparam("from"), _OWN.destination == bindparam("to")).limit(1)
)
_NOTED = tuple(column.name for column in lineage_entities.columns)
_NOTE = PreparedStatement(insert(lineage_entities), _NOTED)
_OF_LINK = tuple(column.name for column in lineage_associations.columns if column.name != "id")
_LINK = PreparedStatement(insert(lineage_associations), _OF_LINK)
AT_ONCE = 500
"""Maximum number of entities queried in one statement."""


@dataclass(frozen=True)
class End:
    """An entity as an association stores it: the id of its resource, its ARN and the type that lists show."""

    id: str
    arn: str
    type: str


@dataclass(frozen=True)
class Association:
    """See the table for the columns."""

    id: int
    account: str
    region: str
    source: str
    destination: str
    source_arn: str
    destination_arn: str
    source_type: str
    destination_type: str
    type: str
    at_ms: int
    principal: str

    def end(self, *, forward: bool) -> End:
        """Returns its destination if `forward`, otherwise its source."""
        if forward:
            return End(self.destination, self.destination_arn, self.destination_type)
        return End(self.source, self.source_arn, self.source_type)


@dataclass(frozen=True)
class AssociationDraft:
    """An association to create. `type`: empty for none."""

    source: End
    destination: End
    type: str = ""
    principal: str = ""


_COLUMNS = [_OWN[name] for name in Association.__dataclass_fields__]
_ASSOCIATIONS = select(*_COLUMNS)
LISTING = TableListing(lineage_associations, _COLUMNS, Association)


def associate_in(connection: Connection, place: tuple[str, str], link: AssociationDraft) -> None:
    """Associates two ends, idempotently; the newest type counts. `place`: account, region."""
    ends = _between(link.source.id, link.destination.id)
    there = connection.execute(select(_OWN.type).where(*ends)).first()
    if there is None:
        insert_absent(connection, lineage_associations, _values(place, link))
    elif link.type and there.type != link.type:
        connection.execute(update(lineage_associations).where(*ends).values(type=link.type))


def _values(place: tuple[str, str], link: AssociationDraft) -> dict[str, Any]:
    source, destination = link.source, link.destination
    return {
        "account": place[0],
        "region": place[1],
        "source": source.id,
        "source_arn": source.arn,
        "source_type": source.type,
        "destination": destination.id,
        "destination_arn": destination.arn,
        "destination_type": destination.type,
        "type": link.type,
        "at_ms": now_ms(),
        "principal": link.principal,
    }


def dissociate_in(connection: Connection, source: str, destination: str) -> bool:
    """Deletes an association; returns True if there was one."""
    return bool(connection.execute(delete(lineage_associations).where(*_between(source, destination))).rowcount)


def _between(source: str, destination: str) -> tuple[Condition, Condition]:
    return _OWN.source == source, _OWN.destination == destination


def is_associated_in(connection: Connection, entity: str) -> bool:
    return connection.execute(select(_OWN.id).where(_of(entity)).limit(1)).first() is not None


def dissociate_all_in(connection: Connection, entity: str) -> None:
    """Deletes the associations of a deleted entity."""
    connection.execute(delete(lineage_associations).where(_of(entity)))


def _of(entity: str) -> Condition:
    return or_(_OWN.source == entity, _OWN.destination == entity)


def page(store: Database, requested: PageRequest, *conditions: Condition) -> list[Association]:
    """Returns at most `requested.limit` associations in the requested order, beginning after its position."""
    return LISTING.page(store, None, requested, *conditions)


def within(account: str, region: str) -> tuple[Condition, Condition]:
    return _OWN.account == account, _OWN.region == region


def is_end(entity: str, *, forward: bool) -> Condition:
    """Matches associations whose destination (if `forward`, otherwise source) is the entity."""
    return (_OWN.destination if forward else _OWN.source) == entity


def end_has_type(kind: str, names: Sequence[str], *, forward: bool) -> Condition:
    """Matches associations whose destination (if `forward`, otherwise source) has a type in `names`, or an ARN that begins with
    `kind` (unless "")."""
    types, arn = (_OWN.destination_type, _OWN.destination_arn) if forward else (_OWN.source_type, _OWN.source_arn)
    named = types.in_(names)
    return or_(named, arn.startswith(kind, autoescape=True)) if kind else named


def has_type(name: str) -> Condition:
    return _OWN.type == name


def neighbours(store: Database, ids: Sequence[str], *, forward: bool, most: int) -> list[Association]:
    """Returns the associations that lead from these entities (to them unless `forward`), at most a few more than `most`."""
    column = _OWN.source if forward else _OWN.destination
    found: list[Association] = []
    with store.read() as connection:
        for begin in range(0, len(ids), AT_ONCE):
            some = ids[begin : begin + AT_ONCE]
            statement = _ASSOCIATIONS.where(column.in_(some)).order_by(_OWN.id).limit(most - len(found) + 1)
            found += [Association(*row) for row in connection.execute(statement)]
            if len(found) > most:
                break
    return found


def note_in(connection: Connection, entity: Resource, source_uri: str, type_: str) -> None:
    """Records the source and the type of a new artifact, action or context."""
    connection.execute(insert(lineage_entities), _note(entity, source_uri, type_))


def _note(entity: Resource, source_uri: str, type_: str) -> dict[str, str]:
    own = {"entity": entity.id, "kind": entity.kind, "account": entity.account, "region": entity.region}
    return own | {"source": _digest(source_uri), "type": type_}


def forget_in(connection: Connection, entity: str) -> None:
    connection.execute(delete(lineage_entities).where(_ENTITIES.entity == entity))


def comes_from(scope: ResourceScope, source_uri: str) -> Condition:
    """Matches resources by their source URI."""
    return resources.c.id.in_(_noted(scope, _ENTITIES.source == _digest(source_uri)))


def is_a(scope: ResourceScope, type_: str) -> Condition:
    """Matches resources by their type."""
    return resources.c.id.in_(_noted(scope, _ENTITIES.type == type_))


def _noted(scope: ResourceScope, condition: Condition) -> Select[Any]:
    own = (_ENTITIES[name] == value for name, value in vars(scope).items())
    return select(_ENTITIES.entity).where(*own, condition)


def _digest(source_uri: str) -> str:
    return hashlib.sha256(source_uri.encode()).hexdigest()


@dataclass(frozen=True)
class Made:
    """An entity to create. `source_uri`, `type`: see `note_in`."""

    row: Resource
    source_uri: str
    type: str


def make_in(connection: Connection, entities: Sequence[Made]) -> None:
    """Creates several entities without tags and event log entries, since no client requested them. Raises IntegrityError."""
    put_all_in(connection, [one.row for one in entities])
    notes = [_note(one.row, one.source_uri, one.type) for one in entities]
    _NOTE.many(connection, _NOTED, [[note[name] for name in _NOTED] for note in notes])


def standing_in(connection: Connection, scope: ResourceScope, names: Sequence[str]) -> dict[str, str]:
    """Returns the ids of existing entities, by name. They cannot be deleted before the transaction ends."""
    return {row[0]: row[1] for row in _STANDING.all(connection, {**vars(scope), "names": names})}


def linked_in(connection: Connection, pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Returns the pairs (source, destination) that have an association."""
    return {pair for pair in pairs if _LINKED.first(connection, {"from": pair[0], "to": pair[1]}) is not None}


def link_in(connection: Connection, place: tuple[str, str], links: Sequence[AssociationDraft]) -> None:
    """Creates several new associations. Raises IntegrityError."""
    values = [_values(place, one) for one in links]
    _LINK.many(connection, _OF_LINK, [[value[name] for name in _OF_LINK] for value in values])
