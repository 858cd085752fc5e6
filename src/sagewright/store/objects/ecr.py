"""Repositories of the container registry, their manifests and tags, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from sagewright.model.clock import now_ms
from sagewright.store.database import Database
from sagewright.store.schema.ecr import ecr_manifests, ecr_repositories, ecr_tags


@dataclass(frozen=True)
class Repository:
    """`settings`: members of ECR's shape as given; `policy` and `lifecycle`: texts, None if there is none."""

    name: str
    created_ms: int
    settings: dict[str, Any]
    policy: str | None = None
    lifecycle: str | None = None


@dataclass(frozen=True)
class Manifest:
    """`size`: bytes of its layers; `layers`: the digests of all blobs that it needs."""

    repository: str
    digest: str
    media_type: str
    body: str
    size: int
    layers: list[str]
    pushed_ms: int
    pulled_ms: int | None = None


class TagTaken(Exception):
    """The repository's tags are immutable, and this one names another image."""


def create(store: Database, repository: Repository) -> bool:
    """Creates a repository; returns False if one of that name exists."""
    try:
        with store.write() as connection:
            connection.execute(insert(ecr_repositories).values(vars(repository)))
    except IntegrityError:
        return False
    return True


def find(store: Database, name: str) -> Repository | None:
    with store.read() as connection:
        row = connection.execute(select(ecr_repositories).where(ecr_repositories.c.name == name)).first()
    return Repository(**row._mapping) if row else None


def page(store: Database, after: str, limit: int) -> list[Repository]:
    """Returns at most `limit` repositories by name, beginning after the name `after`."""
    statement = select(ecr_repositories).where(ecr_repositories.c.name > after).order_by(ecr_repositories.c.name)
    with store.read() as connection:
        return [Repository(**row._mapping) for row in connection.execute(statement.limit(limit))]


def change(store: Database, name: str, values: dict[str, Any]) -> None:
    with store.write() as connection:
        connection.execute(update(ecr_repositories).where(ecr_repositories.c.name == name).values(**values))


def remove(store: Database, name: str, *, force: bool) -> bool:
    """Deletes a repository with its images; without `force` only if it has none (otherwise returns False)."""
    with store.write() as connection:
        has = connection.execute(
            select(ecr_manifests.c.digest).where(ecr_manifests.c.repository == name).limit(1)
        ).first()
        if has is not None and not force:
            return False
        for table in (ecr_tags, ecr_manifests):
            connection.execute(delete(table).where(table.c.repository == name))
        connection.execute(delete(ecr_repositories).where(ecr_repositories.c.name == name))
    return True


def put(store: Database, manifest: Manifest, tag: str | None, *, immutable: bool) -> bool:
    """Stores a manifest and lets `tag` name it; returns False if nothing was new. Raises TagTaken."""
    with store.write() as connection:
        named = _tagged(connection, manifest.repository, tag) if tag else None
        if immutable and named not in {None, manifest.digest}:
            raise TagTaken(tag)
        known = connection.execute(
            select(ecr_manifests.c.digest).where(*_is(manifest.repository, manifest.digest))
        ).first()
        if known is None:
            connection.execute(insert(ecr_manifests).values(vars(manifest)))
        if tag and named != manifest.digest:
            _untag(connection, manifest.repository, [tag])
            connection.execute(insert(ecr_tags).values(repository=manifest.repository, tag=tag, digest=manifest.digest))
    return known is None or (tag is not None and named != manifest.digest)


def manifest_of(store: Database, repository: str, reference: str) -> Manifest | None:
    """Returns a manifest by tag or digest."""
    with store.read() as connection:
        digest = reference if ":" in reference else _tagged(connection, repository, reference)
        row = connection.execute(select(ecr_manifests).where(*_is(repository, digest or ""))).first()
    return Manifest(**row._mapping) if row else None


def manifests(store: Database, repository: str) -> list[Manifest]:
    """Returns all manifests of a repository, in the order they were pushed."""
    order = (ecr_manifests.c.pushed_ms, ecr_manifests.c.digest)
    statement = select(ecr_manifests).where(ecr_manifests.c.repository == repository).order_by(*order)
    with store.read() as connection:
        return [Manifest(**row._mapping) for row in connection.execute(statement)]


def tags(store: Database, repository: str) -> dict[str, str]:
    """Returns the digests by tag."""
    statement = select(ecr_tags.c.tag, ecr_tags.c.digest).where(ecr_tags.c.repository == repository)
    with store.read() as connection:
        return {row.tag: row.digest for row in connection.execute(statement.order_by(ecr_tags.c.tag))}


def untag(store: Database, repository: str, names: Sequence[str]) -> None:
    """Removes tags; an image that loses its last tag stays, untagged."""
    with store.write() as connection:
        _untag(connection, repository, names)


def remove_manifest(store: Database, repository: str, digest: str) -> None:
    with store.write() as connection:
        connection.execute(delete(ecr_tags).where(ecr_tags.c.repository == repository, ecr_tags.c.digest == digest))
        connection.execute(delete(ecr_manifests).where(*_is(repository, digest)))


def note_pull(store: Database, manifest: Manifest) -> None:
    with store.write() as connection:
        which = _is(manifest.repository, manifest.digest)
        connection.execute(update(ecr_manifests).where(*which).values(pulled_ms=now_ms()))


def needed_layers(store: Database, repository: str | None = None) -> set[str]:
    """Returns the digests of all blobs that a manifest needs, of any repository or of one."""
    statement = select(ecr_manifests.c.layers)
    if repository is not None:
        statement = statement.where(ecr_manifests.c.repository == repository)
    with store.read() as connection:
        lists: Iterable[list[str]] = connection.execute(statement).scalars()
        return {digest for layers in lists for digest in layers}


def _is(repository: str, digest: str) -> tuple[Any, ...]:
    return ecr_manifests.c.repository == repository, ecr_manifests.c.digest == digest


def _tagged(connection: Connection, repository: str, tag: str | None) -> str | None:
    statement = select(ecr_tags.c.digest).where(ecr_tags.c.repository == repository, ecr_tags.c.tag == tag)
    digest: str | None = connection.execute(statement).scalar()
    return digest


def _untag(connection: Connection, repository: str, names: Sequence[str]) -> None:
    connection.execute(delete(ecr_tags).where(ecr_tags.c.repository == repository, ecr_tags.c.tag.in_(names)))
