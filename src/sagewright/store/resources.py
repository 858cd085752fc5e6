"""Resources that are documents, of every kind. Each change is logged, and a creation brings its tags, in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from sagewright.model.clock import now_ms
from sagewright.store import events, tags
from sagewright.store.database import Database
from sagewright.store.events import Entry, Subject
from sagewright.store.jobs import Place
from sagewright.store.listing import Condition, Listing, Page
from sagewright.store.memory import changes
from sagewright.store.schema.resources import resources


@dataclass(frozen=True)
class Resource:
    """One resource: what was asked (`document`, wire names) and what is kept of every kind. See the table for the columns."""

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
    """What a resource is created with. `arn` and `pairs`: its tags; `principal`: the ARN of who asks for it."""

    name: str
    document: dict[str, Any]
    arn: str
    pairs: dict[str, str]
    version: int = 0
    parent: str = ""
    status: str = ""
    principal: str = ""


class NameTaken(Exception):
    """There is a resource of that kind, name and version."""


_COLUMNS = [resources.c[name] for name in Resource.__dataclass_fields__]
_RESOURCES = select(*_COLUMNS)
_BY_NAME = _RESOURCES.where(
    *(resources.c[name] == bindparam(name) for name in ("kind", "account", "region", "name", "version"))
)
_INSERT = insert(resources)
_UPDATE = update(resources).where(resources.c.id == bindparam("resource_id"))
LISTING = Listing(resources, _COLUMNS, Resource)


def create(store: Database, place: Place, new: New) -> Resource:
    """The resource, with its tags. Raises NameTaken."""
    now = now_ms()
    made = Resource(
        id=uuid.uuid4().hex,
        **vars(place),
        name=new.name,
        version=new.version,
        parent=new.parent,
        status=new.status,
        created_ms=now,
        modified_ms=now,
        document=new.document,
    )
    try:
        with store.write() as connection:
            connection.execute(_INSERT, vars(made))
            _log(connection, made, "Created", new.principal)
            if new.pairs:
                tags.add_in(connection, new.arn, new.pairs)
            changes(connection, _named(place, new.name, new.version), resource=made)
    except IntegrityError:
        if find(store, place, new.name, new.version) is None:
            raise
        raise NameTaken(new.name) from None
    return made


def find(store: Database, place: Place, name: str, version: int = 0) -> Resource | None:
    subject = _named(place, name, version)
    return store.recall(subject, "resource", lambda: _read(store, place, name, version))


def _read(store: Database, place: Place, name: str, version: int) -> Resource | None:
    with store.read() as connection:
        row = connection.execute(_BY_NAME, {**vars(place), "name": name, "version": version}).first()
    return Resource(*row) if row else None


def several(store: Database, ids: Sequence[str]) -> list[Resource]:
    """The resources of these ids that exist, in the order of `ids`."""
    with store.read() as connection:
        found = {row.id: Resource(*row) for row in connection.execute(_RESOURCES.where(resources.c.id.in_(ids)))}
    return [found[one] for one in ids if one in found]


def page(store: Database, place: Place, asked: Page, *conditions: Condition) -> list[Resource]:
    """At most `asked.limit` resources in the order asked for, beginning after its position."""
    found: list[Resource] = LISTING.page(store, place, asked, *conditions)
    return found


def change(store: Database, changed: Resource, principal: str = "") -> None:
    """Keep the document and the status of `changed` (Update operations)."""
    values = {"document": changed.document, "status": changed.status, "modified_ms": now_ms()}
    with store.write() as connection:
        connection.execute(_UPDATE, {"resource_id": changed.id, **values})
        _log(connection, changed, "Changed", principal)
        changes(connection, _subject(changed))


def remove(store: Database, resource: Resource, arn: str, principal: str = "") -> bool:
    """Forget a resource and its tags; False if somebody else has been first."""
    with store.write() as connection:
        done = connection.execute(delete(resources).where(resources.c.id == resource.id))
        if done.rowcount:
            tags.remove_in(connection, arn)
            _log(connection, resource, "Deleted", principal)
        changes(connection, _subject(resource))
    return bool(done.rowcount)


def _log(connection: Connection, resource: Resource, step: str, principal: str) -> None:
    entry = Entry(now_ms(), resource.status, step, "", principal=principal)
    events.append(connection, Subject(resource.kind, resource.id), entry)


def _subject(resource: Resource) -> str:
    place = Place(resource.kind, resource.account, resource.region)
    return _named(place, resource.name, resource.version)


def _named(place: Place, name: str, version: int) -> str:
    return f"resource/{place.kind}/{place.account}/{place.region}/{name}/{version}"
