"""Contents of private hubs: a row for each name, with the values of the latest version that lists show, and one for each
version. The rows of versions contain the documents, which may have 320 KiB; they are children of the name's row, and that is
the hub's child."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.aws.statuses import HubContentStatus
from sagewright.model.clock import to_datetime
from sagewright.model.errors import ResourceInUse, ResourceLimitExceeded, ResourceNotFound
from sagewright.services.context import Context
from sagewright.services.sagemaker.hub.versions import padded
from sagewright.services.sagemaker.resources.catalogue import RESOURCES, SearchableKind, declare
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Condition, PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource

KIND, VERSION_KIND = "hub-content", "hub-content-version"
NAME, TYPE, VERSION = "HubContentName", "HubContentType", "HubContentVersion"
SCHEMA, SCHEMA_ORDER = "DocumentSchemaVersion", "SchemaOrder"
"""Only the latter is stored: the schema's version as text that sorts like versions."""
HIDDEN = frozenset({SCHEMA_ORDER})
MOST_VERSIONS = 100
"""AWS's quota of versions of one content."""
SUMMARY = (
    NAME, TYPE, VERSION, SCHEMA, "HubContentDisplayName", "HubContentDescription", "SupportStatus",
    "HubContentSearchKeywords", "SageMakerPublicHubContentArn", "ReferenceMinVersion", SCHEMA_ORDER,
)  # fmt: skip
"""Members of a version that the name's row repeats."""
declare(SearchableKind(KIND, "hub-content", RESOURCES))


@dataclass(frozen=True)
class ContentName:
    """A content of a hub: its type and its name."""

    hub: Resource
    type: str
    name: str

    @property
    def row_name(self) -> str:
        return f"{self.hub.name}/{self.type}/{self.name}"

    def arn(self, version: str = "") -> str:
        parts = self.row_name + (f"/{version}" if version else "")
        return sagemaker_arn(self.hub.region, self.hub.account, "hub-content", parts)

    def missing(self, version: str = "") -> ResourceNotFound:
        return ResourceNotFound(f"Hub content {self.arn(version)} does not exist.")


def find(context: Context, content: ContentName) -> Resource | None:
    """Returns the row of a name."""
    return resources.find(context.store, _scope(content, KIND), content.row_name)


def find_version(context: Context, content: ContentName, version: str) -> Resource | None:
    return resources.find(context.store, _scope(content, VERSION_KIND), _version_name(content, version))


def add(context: Context, content: ContentName, document: dict[str, Any], pairs: dict[str, str]) -> None:
    """Stores a version. Raises ResourceInUse, ResourceLimitExceeded; ResourceNotFound if the hub was deleted."""
    version = document[VERSION]
    document = document | {SCHEMA_ORDER: padded(document[SCHEMA])}
    try:
        with context.store.write() as connection:
            if resources.locked_in(connection, content.hub.id) is None:
                raise ResourceNotFound(f"Hub {content.hub.name} does not exist.")
            head = _head(connection, context, content, document, pairs)
            if resources.count_children_in(connection, head.id) >= MOST_VERSIONS:
                raise ResourceLimitExceeded(
                    f"Hub content {content.arn()} has {MOST_VERSIONS} versions, the most it may have."
                )
            new = New(_version_name(content, version), document, content.arn(version), {}, parent=head.id)
            resources.create_in(connection, _scope(content, VERSION_KIND), new)
            _show_latest(connection, head, context.principal.arn)
    except IntegrityError:
        raise ResourceInUse(f"Hub content already exists: {content.arn(version)}") from None


def change(context: Context, content: ContentName, version: str, members: dict[str, Any]) -> None:
    """Raises ResourceNotFound."""
    with context.store.write() as connection:
        head, row = _locked(connection, context, content, version)
        changed = replace(row, document={**row.document, **members})
        resources.change_in(connection, changed, context.principal.arn)
        _show_latest(connection, head, context.principal.arn)


def remove(context: Context, content: ContentName, version: str) -> None:
    """Deletes a version, and the name with its last one. Raises ResourceNotFound."""
    with context.store.write() as connection:
        head, row = _locked(connection, context, content, version)
        resources.remove_in(connection, row, content.arn(version), context.principal.arn)
        if not _show_latest(connection, head, context.principal.arn):
            resources.remove_in(connection, head, content.arn(), context.principal.arn)


def versions(context: Context, content: ContentName, page: PageRequest, *conditions: Condition) -> list[Resource]:
    """Returns a page of the versions of a name. Raises ResourceNotFound."""
    head = find(context, content)
    if head is None:
        raise content.missing()
    of_name = resources.belongs_to(head.id, VERSION_KIND)
    return resources.page(context.store, _scope(content, VERSION_KIND), page, of_name, *conditions)


def from_version(content: ContentName, version: str) -> Condition:
    """Matches the version and later ones."""
    return resources.LISTING.table.c.name >= _version_name(content, version)


def with_schema(version: str) -> Condition:
    """Matches contents whose document has a schema of that version or an earlier one."""
    found: Condition = resources.LISTING.table.c.document[SCHEMA_ORDER].as_string() <= padded(version)
    return found


def summary(content: ContentName, row: Resource) -> dict[str, Any]:
    """Returns a row as lists show it."""
    found = {member: row.document[member] for member in SUMMARY if row.document.get(member) is not None}
    for member in ("ReferenceMinVersion", *HIDDEN):
        found.pop(member, None)
    return found | {
        "HubContentArn": content.arn(row.document[VERSION]),
        "HubContentStatus": HubContentStatus.AVAILABLE.value,
        "CreationTime": to_datetime(row.created_ms),
    }


def _head(
    connection: Connection, context: Context, content: ContentName, document: dict[str, Any], pairs: dict[str, str]
) -> Resource:
    """Returns the name's row, locked; creates it."""
    found = resources.find_in(connection, _scope(content, KIND), content.row_name)
    if found is not None:
        return resources.locked_in(connection, found.id) or found
    new = New(
        content.row_name, _shown(document), content.arn(), pairs, parent=content.hub.id, principal=context.principal.arn
    )
    return resources.create_in(connection, _scope(content, KIND), new)


def _locked(connection: Connection, context: Context, content: ContentName, version: str) -> tuple[Resource, Resource]:
    found = find(context, content)
    head = resources.locked_in(connection, found.id) if found is not None else None
    row = resources.find_in(connection, _scope(content, VERSION_KIND), _version_name(content, version))
    if head is None or row is None:
        raise content.missing(version)
    return head, row


def _show_latest(connection: Connection, head: Resource, principal: str) -> bool:
    """Has the name's row show its latest version; returns False if there is none."""
    latest = resources.last_child_in(connection, head.id)
    if latest is None:
        return False
    resources.change_in(connection, replace(head, document=_shown(latest.document)), principal)
    return True


def _shown(document: dict[str, Any]) -> dict[str, Any]:
    return {member: document[member] for member in SUMMARY if member in document}


def _version_name(content: ContentName, version: str) -> str:
    return f"{content.row_name}/{padded(version)}"


def _scope(content: ContentName, kind: str) -> ResourceScope:
    return ResourceScope(kind, content.hub.account, content.hub.region)
