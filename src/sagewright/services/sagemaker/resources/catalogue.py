"""The catalogue of kinds: how Search, lists and tags handle each kind of resource. A resource's module declares its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sagewright.model.errors import ResourceNotFound, ValidationException
from sagewright.services.context import Context
from sagewright.store.database import Database
from sagewright.store.jobs import job_lists, jobs
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources


class ResourceRow(Protocol):
    """A row of the store that represents a resource."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class ResourceRows:
    """Access to the rows of a kind: the table's name, and how to read rows by name and by id."""

    source: str
    find: Callable[[Database, ResourceScope, str], Any]
    several: Callable[[Database, Sequence[str]], list[Any]]


JOBS = ResourceRows("jobs", jobs.find, job_lists.several)
RESOURCES = ResourceRows("resources", resources.find, resources.several)
SOURCES = {rows.source: rows for rows in (JOBS, RESOURCES)}


@dataclass(frozen=True)
class Searched:
    """Search's view of a kind.

    `resource`: Search's name for it. `name_member`: the member of a document with the name. `documents`: returns Describe's
    documents for rows, in their order, with Tags. `record`: converts a document to a member of the response. `hidden`: members of
    the document that Search's shape lacks.
    """

    resource: str
    name_member: str
    documents: Callable[[Context, Sequence[Any]], Iterable[dict[str, Any]]]
    record: Callable[[dict[str, Any]], dict[str, Any]]
    hidden: frozenset[str] = frozenset()
    prepare: Callable[[Context], None] | None = None  # creates rows that are created lazily


@dataclass(frozen=True)
class SearchableKind:
    """A kind of resource, as Search and tags know it. `arn_type`: the part before the name in its ARNs."""

    kind: str
    arn_type: str
    rows: ResourceRows
    searched: Searched | None = None

    def scope(self, account: str, region: str) -> str:
        """Returns the part of the index with its subjects."""
        return f"{self.kind}/{account}/{region}"


_kinds: dict[str, SearchableKind] = {}


def declare(kind: SearchableKind) -> SearchableKind:
    if kind.kind in _kinds:
        raise RuntimeError(f"the kind {kind.kind} is declared twice")
    _kinds[kind.kind] = kind
    return kind


def kinds() -> list[SearchableKind]:
    return list(_kinds.values())


def of_kind(kind: str) -> SearchableKind | None:
    return _kinds.get(kind)


def searched(resource: str) -> tuple[SearchableKind, Searched]:
    """Raises ValidationException, with the resource's name, if it can't be searched."""
    for kind in kinds():
        if kind.searched is not None and kind.searched.resource == resource:
            return kind, kind.searched
    served = ", ".join(sorted(kind.searched.resource for kind in kinds() if kind.searched))
    raise ValidationException(f"Sagewright does not serve Search for the resource {resource}. It serves {served}.")


def of_arn(arn: str) -> tuple[SearchableKind, ResourceScope, str] | None:
    """Returns the kind, scope and name that an ARN stands for; None for an undeclared kind or an invalid ARN."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "sagemaker":
        return None
    arn_type, _, name = parts[5].partition("/")
    for kind in kinds():
        if kind.arn_type == arn_type:
            return kind, ResourceScope(kind.kind, parts[4], parts[3]), name
    return None


def require(context: Context, arn: str) -> None:
    """Raises ValidationException for an ARN of another account or region or of an unsupported kind, ResourceNotFound if nothing is
    found."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[3] != context.region or parts[4] != context.account:
        raise ValidationException(f"ARN should be scoped to correct region: {context.region}")
    found = of_arn(arn)
    if found is None:
        raise ValidationException(f"Sagewright serves no resource of the kind '{parts[5].partition('/')[0]}' ({arn}).")
    kind, place, name = found
    if kind.rows.find(context.store, place, name) is None:
        raise ResourceNotFound("Requested resource not found.")
