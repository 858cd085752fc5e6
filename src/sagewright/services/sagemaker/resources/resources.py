"""Common behaviour of resources that are documents: a `ResourceType` declares one, and creates, describes, lists and deletes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.sagemaker.resources.catalogue import RESOURCES, SearchableKind, Searched, declare
from sagewright.services.sagemaker.resources.missing import resource_not_found
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources, tags
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken


@dataclass(frozen=True)
class ResourceType:
    """A kind of resource whose Create request is stored as a document and returned by Describe.

    `noun`: the prefix of its members (Model: ModelName, ModelArn). `missing` and `taken` create errors from its ARN. `described`:
    returns the document as Describe shows it, with defaults. `listed`: its List operation. `search_record`: converts a document to
    Search's record, if the kind can be searched. `not_in_search`: members that Search's shape lacks. `search_alone`: additional
    members that only Search returns. `also_listed`: optional members of the document that lists return.
    """

    kind: str
    noun: str
    arn_type: str
    missing: Callable[[str], AwsError]
    taken: Callable[[str], AwsError]
    listed: ListSpec
    search_record: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    described: Callable[[dict[str, Any]], dict[str, Any]] = field(default=lambda document: document)
    status_member: str | None = None
    also_listed: tuple[str, ...] = ()
    not_in_search: frozenset[str] = frozenset()
    search_alone: Callable[[dict[str, Any]], dict[str, Any]] = field(default=lambda _document: {})
    tells_modified: bool = False  # LastModifiedTime

    def declared(self) -> ResourceType:
        """Adds the kind to the catalogue, for Search and tags."""
        searched = None
        if self.search_record is not None:
            searched = Searched(self.noun, self._name_member, self._documents, self.search_record, self.not_in_search)
        declare(SearchableKind(self.kind, self.arn_type, RESOURCES, searched))
        return self

    def create(
        self,
        context: Context,
        request: dict[str, Any],
        status: str = "",
        also: Callable[[Connection], None] | None = None,
    ) -> dict[str, Any]:
        """Raises `taken`, and what `also` raises, which runs in the same transaction."""
        name = request[self._name_member]
        arn = self.arn(context, name)
        document = {key: value for key, value in request.items() if key not in {"Tags", self._name_member}}
        pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
        try:
            new = New(name, document, arn, pairs, status=status, principal=context.principal.arn)
            resources.create(context.store, self._scope(context), new, also)
        except ResourceNameTaken:
            raise self.taken(arn) from None
        return {f"{self.noun}Arn": arn}

    def describe(self, context: Context, request: dict[str, Any]) -> dict[str, Any]:
        """Raises `missing`."""
        return self.shape(self.require(context, request[self._name_member]))

    def shape(self, resource: Resource) -> dict[str, Any]:
        """Returns Describe's response for a resource."""
        return self._head(resource) | self.described(resource.document)

    def list(self, context: Context, request: dict[str, Any]) -> dict[str, Any]:
        place = self._scope(context)
        return self.listed.answer(
            request, lambda page: resources.page(context.store, place, page), lambda rows: map(self.summary, rows)
        )

    def alter(self, context: Context, name: str, how: Callable[[Resource], Resource]) -> Resource:
        """Replaces a resource by the result of `how`, atomically. Raises `missing`, and anything that `how` raises."""
        changed = resources.alter(context.store, self.require(context, name).id, how)
        if changed is None:
            raise self.missing(self.arn(context, name))
        return changed

    def delete(self, context: Context, request: dict[str, Any]) -> dict[str, Any]:
        """Raises `missing`."""
        name = request[self._name_member]
        arn, resource = self.arn(context, name), self.require(context, name)
        if not resources.remove(context.store, resource, arn, context.principal.arn):
            raise self.missing(arn)
        return {}

    def find(self, context: Context, name: str) -> Resource | None:
        return resources.find(context.store, self._scope(context), name)

    def require(self, context: Context, name: str) -> Resource:
        """Raises `missing`."""
        found = self.find(context, name)
        if found is None:
            raise resource_not_found(context, self._scope(context), name, self.missing(self.arn(context, name)))
        return found

    def arn(self, context: Context, name: str) -> str:
        return sagemaker_arn(context.region, context.account, self.arn_type, name)

    @property
    def _name_member(self) -> str:
        return f"{self.noun}Name"

    def _scope(self, context: Context) -> ResourceScope:
        return ResourceScope(self.kind, context.account, context.region)

    def summary(self, resource: Resource) -> dict[str, Any]:
        """Returns the list's summary of a resource."""
        document = resource.document
        return self._head(resource) | {name: document[name] for name in self.also_listed if name in document}

    def _head(self, resource: Resource) -> dict[str, Any]:
        """Returns the members of a resource that are not in its document."""
        head = {
            self._name_member: resource.name,
            f"{self.noun}Arn": sagemaker_arn(resource.region, resource.account, self.arn_type, resource.name),
            "CreationTime": to_datetime(resource.created_ms),
        }
        if self.tells_modified:
            head["LastModifiedTime"] = to_datetime(resource.modified_ms)
        return head | ({self.status_member: resource.status} if self.status_member else {})

    def _documents(self, context: Context, rows: Sequence[Resource]) -> Iterable[dict[str, Any]]:
        heads = [self._head(row) for row in rows]
        tagged = tags.of_all(context.store, [head[f"{self.noun}Arn"] for head in heads])
        for row, head in zip(rows, heads, strict=True):
            pairs = tagged.get(head[f"{self.noun}Arn"], {})
            shown = [{"Key": key, "Value": value} for key, value in pairs.items()]
            yield head | self.described(row.document) | self.search_alone(row.document) | {"Tags": shown}
