"""Common parts of artifacts, actions and contexts, and lookup of any lineage entity by its ARN.

Source: AWS's API reference, CreateArtifact, CreateAction, CreateContext and AddAssociation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.clock import to_datetime
from sagewright.model.errors import ResourceNotFound, ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.sagemaker.experiments import job_components
from sagewright.services.sagemaker.experiments.experiments import CREATED, EXPERIMENTS
from sagewright.services.sagemaker.experiments.tracked import CHANGER, CREATOR, NAME, by
from sagewright.services.sagemaker.resources.catalogue import RESOURCES, SearchableKind, declare
from sagewright.services.sagemaker.resources.missing import resource_not_found
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import lineage, resources, trials
from sagewright.store.resources.lineage import End
from sagewright.store.resources.resources import New, Resource

LIST_MEMBERS = ("Source", "CreationTime", "LastModifiedTime")
NOT_KEPT = frozenset({"Tags", "Status"})
Document = dict[str, Any]


@dataclass(frozen=True)
class EntityType:
    """A kind of entity. Rows are named in lower case, as in their ARNs.

    `noun`: prefix of its members (ArtifactArn). `name_of`: derives the row's name from a create request. `sorts`: sort columns of
    its list.
    """

    noun: str
    name_of: Callable[[Context, Document], str]
    sorts: dict[str, str] = field(default_factory=lambda: {"Name": "name", "CreationTime": "created_ms"})

    @property
    def kind(self) -> str:
        return self.noun.lower()

    def declared(self) -> EntityType:
        declare(SearchableKind(self.kind, self.kind, RESOURCES))
        return self

    def scope(self, context: Context) -> ResourceScope:
        return ResourceScope(self.kind, context.account, context.region)

    def arn(self, context: Context, name: str) -> str:
        return sagemaker_arn(context.region, context.account, self.kind, name.lower())

    def create(self, context: Context, request: Document) -> tuple[str, bool]:
        """Returns the ARN, and True if the entity is new; an existing one stays unchanged. Raises ValidationException."""
        checked_type(request[f"{self.noun}Type"])
        name = self.name_of(context, request)
        arn = self.arn(context, name)
        if resources.find(context.store, self.scope(context), name) is not None:
            return arn, False
        try:
            with context.store.write() as connection:
                self.create_in(context, connection, request)
        except IntegrityError:
            if resources.find(context.store, self.scope(context), name) is None:
                raise
            return arn, False
        return arn, True

    def create_in(self, context: Context, connection: Connection, request: Document) -> Resource:
        """Raises IntegrityError."""
        name, principal = self.name_of(context, request), context.principal.arn
        kept = {key: value for key, value in request.items() if key not in NOT_KEPT}
        pairs = {pair["Key"]: pair["Value"] for pair in request.get("Tags") or ()}
        document = kept | {CREATOR: principal, CHANGER: principal}
        new = New(name, document, self.arn(context, name), pairs, 0, "", request.get("Status", ""), principal)
        made = resources.create_in(connection, self.scope(context), new)
        lineage.note_in(connection, made, request["Source"]["SourceUri"], request[f"{self.noun}Type"])
        return made

    def require(self, context: Context, name: str) -> Resource:
        """Finds an entity by name or ARN. Raises ResourceNotFound."""
        start = self.arn(context, "")
        plain = name.removeprefix(start).lower()
        found = resources.find(context.store, self.scope(context), plain)
        if found is None:
            error = self.missing(name if name.startswith("arn:") else start + plain)
            raise resource_not_found(context, self.scope(context), plain, error)
        return found

    def missing(self, arn: str) -> ResourceNotFound:
        return ResourceNotFound(f"{self.noun} '{arn}' does not exist.")

    def described(self, context: Context, row: Resource) -> Document:
        people = {member: by(row.document[member]) for member in (CREATOR, CHANGER) if row.document.get(member)}
        own = {name: value for name, value in row.document.items() if name not in {CREATOR, CHANGER}}
        return own | self._head(context, row) | people

    def _head(self, context: Context, row: Resource) -> Document:
        head = {
            f"{self.noun}Arn": self.arn(context, row.name),
            "CreationTime": to_datetime(row.created_ms),
            "LastModifiedTime": to_datetime(row.modified_ms),
        }
        return head | ({"Status": row.status} if row.status else {})

    def update(self, context: Context, name: str, request: Document) -> Document:
        """Replaces the properties named in the request. Raises ResourceNotFound."""
        found = self.require(context, name)

        def how(row: Resource) -> Resource:
            names = ("Description", "Properties", *(("ArtifactName",) if self.kind == "artifact" else ()))
            document = row.document | {name: request[name] for name in names if name in request}
            if gone := set(request.get("PropertiesToRemove") or ()):
                left = document.get("Properties") or {}
                document["Properties"] = {key: value for key, value in left.items() if key not in gone}
            document[CHANGER] = context.principal.arn
            return replace(row, document=document, status=request.get("Status", row.status))

        if resources.alter(context.store, found.id, how) is None:
            raise self.missing(self.arn(context, found.name))
        return {f"{self.noun}Arn": self.arn(context, found.name)}

    def delete(self, context: Context, name: str) -> Document:
        """Raises ResourceNotFound, and ValidationException while it has associations."""
        found = self.require(context, name)
        arn = self.arn(context, found.name)
        with context.store.write() as connection:
            if resources.locked_in(connection, found.id) is None:
                raise self.missing(arn)
            if lineage.is_associated_in(connection, found.id):
                raise ValidationException(f"{self.noun} '{arn}' has 1 or more associations and cannot be deleted.")
            lineage.forget_in(connection, found.id)
            resources.remove_in(connection, found, arn, context.principal.arn)
        return {f"{self.noun}Arn": arn}

    def list(self, context: Context, request: Document) -> Document:
        scope, type_member = self.scope(context), f"{self.noun}Type"
        conditions = []
        if "SourceUri" in request:
            conditions.append(lineage.comes_from(scope, request["SourceUri"]))
        if type_member in request:
            conditions.append(lineage.is_a(scope, checked_type(request[type_member])))
        members = (f"{self.noun}Name", f"{self.noun}Arn", type_member, "Status", *LIST_MEMBERS)

        def summary(row: Resource) -> Document:
            described = row.document | self._head(context, row)
            return {name: described[name] for name in members if name in described}

        form = ListSpec(f"{self.noun}Summaries", self.sorts, True, CREATED)
        return form.answer(
            request,
            lambda page: resources.page(context.store, scope, page, *conditions),
            lambda rows: map(summary, rows),
        )


def checked_type(name: str) -> str:
    """Raises ValidationException for a type that PostgreSQL could not store."""
    if "\0" in name:
        raise ValidationException("The type of an entity must not have the character U+0000.")
    return name


LINEAGE_TYPES = {
    "artifact": "Artifact",
    "action": "Action",
    "context": "Context",
    "experiment-trial-component": "TrialComponent",
    "experiment": "Experiment",
}
"""QueryLineage's names of entities, by the type in their ARN."""


def lineage_type_of(arn: str) -> str:
    return LINEAGE_TYPES[arn.split(":", 5)[5].partition("/")[0]]


def entity(context: Context, arn: str) -> tuple[End, Resource]:
    """Finds an entity by its ARN; creates the trial component of a job if needed. Raises ResourceNotFound, ValidationException."""
    parts = arn.split(":", 5)
    if (parts[3], parts[4]) != (context.region, context.account):
        raise ValidationException(f"ARN should be scoped to correct region: {context.region}")
    arn_type, _, name = parts[5].partition("/")
    if arn_type == "experiment-trial-component":
        row = job_components.require(context, name)
    elif arn_type == "experiment":
        row = EXPERIMENTS.require(context, name)
    else:
        found = resources.find(context.store, ResourceScope(arn_type, context.account, context.region), name.lower())
        if found is None:
            raise ResourceNotFound(f"{LINEAGE_TYPES[arn_type]} '{arn}' does not exist.")
        row = found
    return end_of(row), row


def end_of(row: Resource) -> End:
    arn_type = {trials.COMPONENT: "experiment-trial-component"}.get(row.kind, row.kind)
    return End(row.id, sagemaker_arn(row.region, row.account, arn_type, row.name), _type_of(row))


def _type_of(row: Resource) -> str:
    """Returns the type of a job's trial component: SageMakerTrainingJob and the like."""
    if row.kind == trials.COMPONENT:
        return str(row.document.get("Source", {}).get("SourceType", ""))
    return str(row.document.get(f"{LINEAGE_TYPES[row.kind]}Type", ""))


def name_of(row: Resource) -> str | None:
    """Returns the name as given; an artifact can lack one."""
    name = row.document.get(NAME) or row.document.get(f"{LINEAGE_TYPES.get(row.kind, '')}Name")
    return str(name) if name else None
