"""Resources that are documents, of every kind. Each change is logged; a creation stores its tags in the same transaction."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from sagewright.model.clock import now_ms
from sagewright.store import events
from sagewright.store.absent import insert_absent
from sagewright.store.among import among
from sagewright.store.database import Database
from sagewright.store.events import EventEntry, EventSubject
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Condition, PageRequest, TableListing
from sagewright.store.memory import IDENTITIES, changes
from sagewright.store.prepared import PreparedStatement
from sagewright.store.resources import tags
from sagewright.store.schema.resources import resources, version_counters


class ResourceStep(StrEnum):
    """Steps of entries in the event log that are about resources."""

    CREATED = "Created"
    CHANGED = "Changed"
    DELETED = "Deleted"


@dataclass(frozen=True)
class Resource:
    """One resource: its request (`document`, wire names) and the columns common to all kinds. See the table for the columns."""

    id: str
    kind: str
    account: str
    region: str
    name: str
    version: int
    parent: str
    status: str
    created_ms: int
    modified_ms: int
    document: dict[str, Any]


@dataclass(frozen=True)
class New:
    """A resource to create. `arn` and `pairs`: its tags; `principal`: the ARN of the caller; `created_ms`: by default now."""

    name: str
    document: dict[str, Any]
    arn: str
    pairs: dict[str, str]
    version: int = 0
    parent: str = ""
    status: str = ""
    principal: str = ""
    created_ms: int = 0


class ResourceNameTaken(Exception):
    """A resource of that kind, name and version exists."""


_OF_IAM = "iam-"
_COLUMNS = [resources.c[name] for name in Resource.__dataclass_fields__]
_RESOURCES = select(*_COLUMNS)
_BY_NAME = PreparedStatement(
    _RESOURCES.where(
        *(resources.c[name] == bindparam(name) for name in ("kind", "account", "region", "name", "version"))
    )
)
_NAMES = select(*(resources.c[name] for name in ("id", "kind", "account", "region", "name", "version", "status")))
_BY_ID = _RESOURCES.where(resources.c.id == bindparam("resource_id"))
_LOCKED = PreparedStatement(_BY_ID.with_for_update())
_SEVERAL = PreparedStatement(_RESOURCES.where(among(resources.c.id, "ids")))
_OF_KIND = _RESOURCES.where(resources.c.kind == bindparam("kind")).order_by(resources.c.created_ms, resources.c.id)
_OF_ACCOUNT = _OF_KIND.where(resources.c.account == bindparam("account"))
_NEWEST_NAMES = (
    select(resources.c.name)
    .where(*(resources.c[name] == bindparam(name) for name in ("kind", "account", "region")))
    .order_by(resources.c.created_ms.desc(), resources.c.name.desc())
    .limit(bindparam("most"))
)
_IN_STATUS = (
    select(resources.c.id)
    .where(resources.c.kind == bindparam("kind"), resources.c.status.in_(bindparam("statuses", expanding=True)))
    .order_by(resources.c.created_ms, resources.c.id)
)
_COUNTED = (
    select(resources.c.parent, resources.c.status, func.count())
    .where(resources.c.parent.in_(bindparam("parents", expanding=True)))
    .group_by(resources.c.parent, resources.c.status)
)
_FIELDS = tuple(Resource.__dataclass_fields__)
_INSERT = PreparedStatement(insert(resources), _FIELDS)
_UPDATE = update(resources).where(resources.c.id == bindparam("resource_id"))
_COUNT = (
    update(version_counters)
    .where(version_counters.c.resource_id == bindparam("counted"))
    .values(last=version_counters.c.last + 1)
    .returning(version_counters.c.last)
)
LISTING = TableListing(resources, _COLUMNS, Resource)


def create(
    store: Database, scope: ResourceScope, new: New, also: Callable[[Connection], None] | None = None
) -> Resource:
    """Creates a resource with its tags; `also` runs in the same transaction. Raises ResourceNameTaken, and what `also` raises."""
    try:
        with store.write() as connection:
            made = create_in(connection, scope, new)
            if also is not None:
                also(connection)
            return made
    except IntegrityError:
        if find(store, scope, new.name, new.version) is None:
            raise
        raise ResourceNameTaken(new.name) from None


def create_all(store: Database, scope: ResourceScope, several: Sequence[New]) -> None:
    """Creates resources in one transaction. Raises ResourceNameTaken, and then creates none."""
    try:
        with store.write() as connection:
            for new in several:
                create_in(connection, scope, new)
    except IntegrityError:
        taken = next((new for new in several if find(store, scope, new.name, new.version)), None)
        if taken is None:
            raise
        raise ResourceNameTaken(taken.name) from None


def create_in(
    connection: Connection, scope: ResourceScope, new: New, detail: Callable[[Resource], dict[str, Any]] | None = None
) -> Resource:
    """`create` inside the caller's transaction; `detail`: makes the event's detail. Raises IntegrityError."""
    made = _drafted(scope, new)
    put_in(connection, made)
    _log(connection, made, ResourceStep.CREATED, new.principal, {"name": made.name} | (detail(made) if detail else {}))
    if new.pairs:
        tags.add_in(connection, new.arn, new.pairs)
    _changed(connection, made, resource=made)
    return made


def create_all_in(connection: Connection, several: Sequence[tuple[ResourceScope, New]]) -> list[Resource]:
    """Creates resources without tags in a few statements for all. Raises IntegrityError."""
    made = [_drafted(scope, new) for scope, new in several]
    put_all_in(connection, made)
    logged = zip(made, (new.principal for _, new in several), strict=True)
    entries = [_logged(one, ResourceStep.CREATED, principal, {"name": one.name}) for one, principal in logged]
    events.append_all(connection, entries)
    for one in made:
        _changed(connection, one, resource=one)
    return made


def _drafted(scope: ResourceScope, new: New) -> Resource:
    now = now_ms()
    return Resource(
        id=uuid.uuid4().hex,
        **vars(scope),
        name=new.name,
        version=new.version,
        parent=new.parent,
        status=new.status,
        created_ms=new.created_ms or now,
        modified_ms=now,
        document=new.document,
    )


def put_in(connection: Connection, made: Resource) -> None:
    """Inserts only its row: nothing is logged. Raises IntegrityError."""
    _INSERT.run(connection, vars(made))


def put_all_in(connection: Connection, made: Sequence[Resource]) -> None:
    """`put_in` for several."""
    _INSERT.many(connection, _FIELDS, [tuple(vars(one).values()) for one in made])


def find(store: Database, scope: ResourceScope, name: str, version: int = 0) -> Resource | None:
    subject = _named(scope, name, version)
    return store.recall(subject, "resource", lambda: _read(store, scope, name, version))


def _read(store: Database, scope: ResourceScope, name: str, version: int) -> Resource | None:
    with store.read() as connection:
        return find_in(connection, scope, name, version)


def find_in(connection: Connection, scope: ResourceScope, name: str, version: int = 0) -> Resource | None:
    """`find` inside the caller's transaction."""
    row = _BY_NAME.first(connection, {**vars(scope), "name": name, "version": version})
    return Resource(*row) if row else None


def of_account_in(connection: Connection, kind: str, account: str) -> list[Resource]:
    """Returns all resources of a kind in an account, inside the caller's transaction."""
    return [Resource(*row) for row in connection.execute(_OF_ACCOUNT, {"kind": kind, "account": account})]


def several(store: Database, ids: Sequence[str]) -> list[Resource]:
    """Returns the existing resources with these ids, in the order of `ids`."""
    with store.read() as connection:
        found = {one.id: one for one in (Resource(*row) for row in _SEVERAL.all(connection, {"ids": ids}))}
    return [found[one] for one in ids if one in found]


def is_of(kind: str) -> Condition:
    """Matches a kind in combination with conditions on another index: prevents SQLite from using the index of kinds and reading
    the whole kind."""
    return resources.c.kind.concat("") == kind


def belongs_to(parent: str, kind: str) -> Condition:
    return and_(resources.c.parent == parent, resources.c.kind == kind)


def name_begins(prefix: str) -> Condition:
    return resources.c.name.startswith(prefix, autoescape=True)


def name_has_after_slash(part: str) -> Condition:
    """Matches names of which a part behind the first slash contains `part`, which has no slash itself."""
    return resources.c.name.like(f"%/%{_escaped(part)}%", escape="\\")


def name_begins_below_domain(prefix: str) -> Condition:
    """Matches names that begin with a domain's id, a slash, and the prefix."""
    return resources.c.name.like(f"d-{'_' * 12}/{_escaped(prefix)}%", escape="\\")


def _escaped(part: str) -> str:
    """Escapes a text for LIKE, so that it matches only itself."""
    return part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def in_parts(store: Database, ids: Sequence[str], at_once: int = 25) -> Iterator[Resource]:
    """Yields the result of `several` in batches, so that not all resources are in memory."""
    for first in range(0, len(ids), at_once):
        yield from several(store, ids[first : first + at_once])


def page(
    store: Database, scope: ResourceScope | None, requested: PageRequest, *conditions: Condition
) -> list[Resource]:
    """Returns at most `requested.limit` resources in the requested order, beginning after its position."""
    found: list[Resource] = LISTING.page(store, scope, requested, *conditions)
    return found


def locked_in(connection: Connection, resource_id: str) -> Resource | None:
    """Returns the current resource, locked against other writers until the transaction ends."""
    row = _LOCKED.first(connection, {"resource_id": resource_id})
    return Resource(*row) if row else None


def change(store: Database, changed: Resource, principal: str = "") -> None:
    """Stores the document and the status of `changed` (Update operations)."""
    with store.write() as connection:
        change_in(connection, changed, principal)


def change_in(
    connection: Connection, changed: Resource, principal: str = "", detail: dict[str, Any] | None = None
) -> None:
    """`change` inside the caller's transaction; `detail`: the event's detail."""
    values = {"document": changed.document, "status": changed.status, "modified_ms": now_ms()}
    connection.execute(_UPDATE, {"resource_id": changed.id, **values})
    _log(connection, changed, ResourceStep.CHANGED, principal, detail)
    _changed(connection, changed)


def alter(
    store: Database,
    resource_id: str,
    how: Callable[[Resource], Resource | None],
    message: str = "",
    also: Callable[[Connection], None] | None = None,
) -> Resource | None:
    """Replaces a resource by the result of `how`, atomically; returns None, without a change, if `how` returns None or the resource
    was deleted. `message`: the event's message; `also` runs in the same transaction."""
    with store.write() as connection:
        row = _LOCKED.first(connection, {"resource_id": resource_id})
        changed = how(Resource(*row)) if row else None
        if changed is None:
            return None
        changed = replace(changed, modified_ms=now_ms())
        values = {"document": changed.document, "status": changed.status, "modified_ms": changed.modified_ms}
        connection.execute(_UPDATE, {"resource_id": resource_id, **values})
        events.append(
            connection,
            EventSubject(changed.kind, resource_id),
            EventEntry(changed.modified_ms, changed.status, ResourceStep.CHANGED.value, message),
        )
        _changed(connection, changed, resource=changed)
        if also is not None:
            also(connection)
    return changed


def note(store: Database, resource_id: str, how: Callable[[Resource], Resource | None]) -> None:
    """`alter` for only the document, without an event or a new modification time: for observations that change all the time."""
    with store.write() as connection:
        current = locked_in(connection, resource_id)
        changed = how(current) if current else None
        if current is not None and changed is not None:
            connection.execute(_UPDATE, {"resource_id": resource_id, "document": changed.document})
            _changed(connection, current, resource=replace(current, document=changed.document))


def of_kind(store: Database, kind: str) -> list[Resource]:
    """Returns all resources of a kind, of every account and region, oldest first."""
    with store.read() as connection:
        return [Resource(*row) for row in connection.execute(_OF_KIND, {"kind": kind})]


def newest_names(store: Database, scope: ResourceScope, most: int) -> list[str]:
    with store.read() as connection:
        return list(connection.execute(_NEWEST_NAMES, {**vars(scope), "most": most}).scalars())


def in_status(store: Database, kind: str, statuses: Sequence[str]) -> list[str]:
    """Returns the ids of a kind's resources that have one of the statuses, oldest first."""
    with store.read() as connection:
        return list(connection.execute(_IN_STATUS, {"kind": kind, "statuses": list(statuses)}).scalars())


def count_by_status(store: Database, parents: Sequence[str]) -> dict[str, dict[str, int]]:
    """Returns, for each of these resources, the number of its children by status."""
    found: dict[str, dict[str, int]] = {parent: {} for parent in parents}
    with store.read() as connection:
        for parent, status, count in connection.execute(_COUNTED, {"parents": list(parents)}):
            found[parent][status] = count
    return found


def get(store: Database, resource_id: str) -> Resource | None:
    with store.read() as connection:
        row = connection.execute(_BY_ID, {"resource_id": resource_id}).first()
    return Resource(*row) if row else None


def remove(store: Database, resource: Resource, arn: str, principal: str = "") -> bool:
    """Deletes a resource and its tags; returns False if another caller was first."""
    with store.write() as connection:
        return remove_in(connection, resource, arn, principal)


def remove_in(connection: Connection, resource: Resource, arn: str, principal: str = "") -> bool:
    """`remove` inside the caller's transaction."""
    done = connection.execute(delete(resources).where(resources.c.id == resource.id))
    if done.rowcount:
        tags.remove_in(connection, arn)
        connection.execute(delete(version_counters).where(version_counters.c.resource_id == resource.id))
        _log(connection, resource, ResourceStep.DELETED, principal)
    _changed(connection, resource)
    return bool(done.rowcount)


def has_children_in(connection: Connection, resource_id: str) -> bool:
    """True if the resource has children."""
    return (
        connection.execute(select(resources.c.id).where(resources.c.parent == resource_id).limit(1)).first() is not None
    )


def child_names(store: Database, resource_id: str, kind: str) -> list[tuple[str, str]]:
    """Returns the id and the status of each child of a kind, without the documents, which may be large."""
    with store.read() as connection:
        return [(row.id, row.status) for row in connection.execute(_NAMES.where(belongs_to(resource_id, kind)))]


def children(store: Database, resource_id: str) -> list[Resource]:
    """Returns the resource's children, oldest first."""
    with store.read() as connection:
        return children_in(connection, resource_id)


def children_in(connection: Connection, resource_id: str) -> list[Resource]:
    """`children` inside the caller's transaction."""
    statement = _RESOURCES.where(resources.c.parent == resource_id).order_by(
        resources.c.created_ms, resources.c.version
    )
    return [Resource(*row) for row in connection.execute(statement)]


def count_children_in(connection: Connection, resource_id: str) -> int:
    return int(connection.execute(select(func.count()).where(resources.c.parent == resource_id)).scalar_one())


def count_unlike_in(connection: Connection, scope: ResourceScope, statuses: Sequence[str]) -> int:
    """Returns the number of the scope's resources that have none of the statuses."""
    statement = select(func.count()).where(
        *(resources.c[name] == value for name, value in vars(scope).items()), resources.c.status.not_in(statuses)
    )
    return int(connection.execute(statement).scalar_one())


def last_child_in(connection: Connection, resource_id: str) -> Resource | None:
    """Returns the child whose name is the last one."""
    statement = _RESOURCES.where(resources.c.parent == resource_id).order_by(resources.c.name.desc()).limit(1)
    row = connection.execute(statement).first()
    return Resource(*row) if row else None


def remove_children_in(connection: Connection, resource_id: str) -> None:
    """Deletes the resource's children, which have neither tags nor events with followers."""
    for child in connection.execute(_NAMES.where(resources.c.parent == resource_id)).all():
        changes(connection, _named(ResourceScope(child.kind, child.account, child.region), child.name, child.version))
    connection.execute(delete(resources).where(resources.c.parent == resource_id))


def next_version_in(connection: Connection, resource_id: str) -> int:
    """Returns 1, 2, 3, …: no number is reused while the resource exists, even if its child is deleted."""
    changed = connection.execute(_COUNT, {"counted": resource_id}).scalar()
    if changed is None and insert_absent(connection, version_counters, {"resource_id": resource_id, "last": 1}):
        return 1
    return int(changed or connection.execute(_COUNT, {"counted": resource_id}).scalar_one())


def _log(
    connection: Connection, resource: Resource, step: ResourceStep, principal: str, detail: dict[str, Any] | None = None
) -> None:
    events.append(connection, *_logged(resource, step, principal, detail))


def _logged(
    resource: Resource, step: ResourceStep, principal: str, detail: dict[str, Any] | None
) -> tuple[EventSubject, EventEntry]:
    entry = EventEntry(now_ms(), resource.status, step.value, "", detail, principal)
    return EventSubject(resource.kind, resource.id), entry


def _changed(connection: Connection, changed: Resource, **known: Resource) -> None:
    changes(connection, _subject(changed), **known)
    if changed.kind.startswith(_OF_IAM):
        changes(connection, IDENTITIES)


def _subject(resource: Resource) -> str:
    scope = ResourceScope(resource.kind, resource.account, resource.region)
    return _named(scope, resource.name, resource.version)


def _named(scope: ResourceScope, name: str, version: int) -> str:
    return f"resource/{scope.kind}/{scope.account}/{scope.region}/{name}/{version}"
