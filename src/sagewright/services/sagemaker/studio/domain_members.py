"""Common behaviour of user profiles, spaces and apps: resources of a domain, whose names are case-insensitive.

Their rows are named as the rest of their ARN, in lower case; their documents keep the names as given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sagewright.engine.apps.app_documents import INTERNAL
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import to_datetime
from sagewright.model.errors import AwsError, ResourceInUse, ResourceLimitExceeded
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.sagemaker.resources.catalogue import RESOURCES, SearchableKind, declare
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Comparison, Condition, PageRequest
from sagewright.store.resources import resources
from sagewright.store.resources.resources import New, Resource, ResourceNameTaken

NO_FILTERS: dict[str, tuple[str, Comparison]] = {}
MOST_OF_DOMAIN = 1000
"""Maximum number of user profiles and of spaces of a domain."""


@dataclass(frozen=True)
class DomainMember:
    """One kind of them. `kind`: also its name in ARNs; `noun`: the prefix of its members; `missing`: creates an error from a name;
    `shown`: members of a summary."""

    kind: str
    noun: str
    missing: Callable[[str], AwsError]
    listed: ListSpec
    shown: tuple[str, ...]

    def declared(self) -> DomainMember:
        """Adds the kind to the catalogue, for tags."""
        declare(SearchableKind(self.kind, self.kind, RESOURCES))
        return self

    def scope(self, context: Context) -> ResourceScope:
        return ResourceScope(self.kind, context.account, context.region)

    def arn(self, context: Context, path: str) -> str:
        return sagemaker_arn(context.region, context.account, self.kind, path.lower())

    def find(self, context: Context, path: str) -> Resource | None:
        return resources.find(context.store, self.scope(context), path.lower())

    def require(self, context: Context, domain: str, name: str) -> Resource:
        """Raises `missing`."""
        found = self.find(context, f"{domain}/{name}")
        if found is None:
            raise self.missing(name)
        return found

    def create(self, context: Context, path: str, new: dict[str, Any], parent: str, status: str) -> Resource:
        """Creates the resource of a request, which may have Tags. Raises ResourceInUse."""
        arn = self.arn(context, path)
        document = {name: value for name, value in new.items() if name != "Tags"}
        pairs = {pair["Key"]: pair["Value"] for pair in new.get("Tags") or ()}
        row = New(path.lower(), document, arn, pairs, parent=parent, status=status, principal=context.principal.arn)
        try:
            return resources.create(context.store, self.scope(context), row)
        except ResourceNameTaken:
            raise self.taken(context, path) from None

    def taken(self, context: Context, path: str) -> ResourceInUse:
        return ResourceInUse(f"{self.noun} [{self.arn(context, path)}] already exists.")

    def check_room(self, context: Context, domain: Resource) -> None:
        """Raises ResourceLimitExceeded."""
        there = len(resources.child_names(context.store, domain.id, self.kind))
        if there >= MOST_OF_DOMAIN:
            raise ResourceLimitExceeded(
                f"A domain has at most {MOST_OF_DOMAIN} {self.noun}s; {domain.name} has {there}."
            )

    def describe(self, resource: Resource) -> dict[str, Any]:
        """Returns Describe's response, without the members that only this kind has."""
        document = {name: value for name, value in resource.document.items() if name not in INTERNAL}
        return document | {
            f"{self.noun}Arn": sagemaker_arn(resource.region, resource.account, self.kind, resource.name),
            "Status": resource.status,
            "CreationTime": to_datetime(resource.created_ms),
            "LastModifiedTime": to_datetime(resource.modified_ms),
        }

    def summary(self, resource: Resource) -> dict[str, Any]:
        described = self.describe(resource)
        return {name: described[name] for name in self.shown if name in described}

    def list(
        self,
        context: Context,
        request: dict[str, Any],
        conditions: Sequence[Condition],
        summary: Callable[[Resource], dict[str, Any]],
    ) -> dict[str, Any]:
        scope = self.scope(context)

        def fetch(page: PageRequest) -> list[Resource]:
            return resources.page(context.store, scope, page, *conditions)

        return self.listed.answer(request, fetch, lambda rows: map(summary, rows))


def in_domain(request: dict[str, Any], domain: str, contained: str) -> list[Condition]:
    """Returns the conditions of the member `domain`, and of the member `contained`, which looks for a part of a name."""
    conditions = []
    if domain in request:
        conditions.append(resources.name_begins(f"{request[domain]}/"))
    if request.get(contained):
        conditions.append(resources.name_has_after_slash(request[contained].lower()))
    return conditions
