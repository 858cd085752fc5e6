"""Common parts of experiments, trials and trial components: case-insensitive names, and the identities that changed them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import to_datetime
from sagewright.services.context import Context
from sagewright.services.sagemaker.resources.catalogue import RESOURCES, SearchableKind, Searched, declare
from sagewright.services.sagemaker.resources.missing import resource_not_found
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.services.sagemaker.resources.tags import shape
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Condition
from sagewright.store.resources import resources, tags
from sagewright.store.resources.resources import New, Resource

NAME, CREATOR, CHANGER = "Name", "CreatedBy", "LastModifiedBy"
"""Members of a document in addition to those of the request: the name as originally written, and ARNs."""
HEAD = ("DisplayName", "CreationTime", "LastModifiedTime")
Documents = Callable[[Context, Sequence[Resource]], list[dict[str, Any]]]


@dataclass(frozen=True)
class Tracked(ResourceType):
    """A ResourceType whose rows are named in lower case; the document keeps the name as originally written.

    `searched_as`: Search's name for it. `whole`: rows as Search shows them, without tags. `prepare`: see Searched.
    """

    searched_as: str = ""
    whole: Documents | None = None
    prepare: Callable[[Context], None] | None = None

    def declared(self) -> Tracked:
        assert self.search_record is not None
        searched = Searched(
            self.searched_as, self._name_member, self._shown, self.search_record, self.not_in_search, self.prepare
        )
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
        return self.create_below(context, request, None, status, also)

    def create_below(
        self,
        context: Context,
        request: dict[str, Any],
        parent: Resource | None,
        status: str = "",
        also: Callable[[Connection], None] | None = None,
    ) -> dict[str, Any]:
        """`parent`: the resource that it belongs to; raises ResourceNotFound if that is deleted meanwhile. Else as `create`."""
        name = request[self._name_member]
        try:
            with context.store.write() as connection:
                if parent is not None and resources.locked_in(connection, parent.id) is None:
                    raise self.missing(self.arn(context, parent.name))
                self.create_in(context, connection, request, parent.id if parent else "", status)
                if also is not None:
                    also(connection)
        except IntegrityError:
            if resources.find(context.store, self._scope(context), name.lower()) is None:
                raise
            raise self.taken(self.arn(context, name)) from None
        return {f"{self.noun}Arn": self.arn(context, name)}

    def create_in(
        self, context: Context, connection: Connection, request: dict[str, Any], parent: str, status: str = ""
    ) -> Resource:
        """Raises IntegrityError."""
        name, principal = request[self._name_member], context.principal.arn
        kept = {key: value for key, value in request.items() if key not in {"Tags", self._name_member}}
        pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
        document = {**kept, NAME: name, CREATOR: principal, CHANGER: principal}
        new = New(name.lower(), document, self.arn(context, name), pairs, 0, parent, status, principal)
        return resources.create_in(connection, self._scope(context), new)

    def update(
        self, context: Context, found: Resource, change: Callable[[dict[str, Any]], dict[str, Any]], status: str = ""
    ) -> dict[str, Any]:
        """`change`: returns a new document for the current one. Raises `missing`, and whatever `change` raises."""

        def how(current: Resource) -> Resource:
            document = change(current.document) | {CHANGER: context.principal.arn}
            return replace(current, document=document, status=status or current.status)

        if resources.alter(context.store, found.id, how) is None:
            raise self.missing(self.arn(context, found.name))
        return {f"{self.noun}Arn": self.arn(context, found.name)}

    def update_members(self, context: Context, request: dict[str, Any], members: Sequence[str]) -> dict[str, Any]:
        """Replaces those of `members` that the request has. Raises `missing`."""
        changed = {name: request[name] for name in members if name in request}
        found = self.require(context, request[self._name_member])
        return self.update(context, found, lambda document: document | changed)

    def find(self, context: Context, name: str) -> Resource | None:
        return resources.find(context.store, self._scope(context), name.rpartition("/")[2].lower())

    def require(self, context: Context, name: str) -> Resource:
        """Finds a resource by name or ARN. Raises `missing`."""
        found = self.find(context, name)
        if found is None:
            plain = name.rpartition("/")[2]
            raise resource_not_found(context, self._scope(context), plain, self.missing(self.arn(context, plain)))
        return found

    def remove(self, context: Context, found: Resource, check: Callable[[Connection], None]) -> dict[str, Any]:
        """`check` raises if the resource can't be deleted, and deletes its dependents. Raises `missing`."""
        arn = self.arn(context, found.name)
        with context.store.write() as connection:
            if resources.locked_in(connection, found.id) is None:
                raise self.missing(arn)
            check(connection)
            resources.remove_in(connection, found, arn, context.principal.arn)
        return {f"{self.noun}Arn": arn}

    def listed_where(self, context: Context, request: dict[str, Any], *conditions: Condition) -> dict[str, Any]:
        """`conditions` restrict the list to a parent, if any: then the parent's index is used instead of the account's."""
        scope, own = (None, [resources.is_of(self.kind), *conditions]) if conditions else (self._scope(context), [])
        return self.listed.answer(
            request,
            lambda page: resources.page(context.store, scope, page, *own),
            lambda rows: map(self._summary, rows),
        )

    def arn(self, context: Context, name: str) -> str:
        return sagemaker_arn(context.region, context.account, self.arn_type, name.lower())

    def shape(self, resource: Resource) -> dict[str, Any]:
        hidden = {NAME, CREATOR, CHANGER}
        own = {key: value for key, value in resource.document.items() if key not in hidden}
        return self.described(own) | self._head(resource)

    def _scope(self, context: Context) -> ResourceScope:
        return ResourceScope(self.kind, context.account, context.region)

    def _head(self, resource: Resource) -> dict[str, Any]:
        document = resource.document
        name = document[NAME]
        people = {member: by(document[member]) for member in (CREATOR, CHANGER) if document.get(member)}
        return {
            self._name_member: name,
            f"{self.noun}Arn": sagemaker_arn(resource.region, resource.account, self.arn_type, resource.name),
            "DisplayName": document.get("DisplayName", name),
            "CreationTime": to_datetime(resource.created_ms),
            "LastModifiedTime": to_datetime(resource.modified_ms),
            **people,
        }

    def _summary(self, resource: Resource) -> dict[str, Any]:
        head = self._head(resource)
        return {name: head[name] for name in (self._name_member, f"{self.noun}Arn", *HEAD)}

    def _shown(self, context: Context, rows: Sequence[Resource]) -> list[dict[str, Any]]:
        """Returns rows as Search shows them."""
        whole = self.whole(context, rows) if self.whole else [self.shape(row) for row in rows]
        return with_tags(context, whole, f"{self.noun}Arn")


def with_tags(context: Context, documents: list[dict[str, Any]], member: str) -> list[dict[str, Any]]:
    """`member`: the member with the ARN of each document."""
    tagged = tags.of_all(context.store, [one[member] for one in documents])
    return [one | {"Tags": shape(tagged.get(one[member], {}))} for one in documents]


def by(arn: str) -> dict[str, Any]:
    """Returns CreatedBy and LastModifiedBy."""
    return {"IamIdentity": {"Arn": arn, "PrincipalId": arn.rpartition("/")[2]}}
