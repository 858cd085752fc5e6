"""Lineage graphs created by the server: entities and the associations between them, written once."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from sagewright.model.clock import now_ms
from sagewright.services.context import Context
from sagewright.services.sagemaker.experiments import job_components
from sagewright.services.sagemaker.experiments.tracked import CHANGER, CREATOR
from sagewright.services.sagemaker.lineage.actions import ACTIONS
from sagewright.services.sagemaker.lineage.artifacts import ARTIFACTS, name_for
from sagewright.services.sagemaker.lineage.contexts import CONTEXTS
from sagewright.services.sagemaker.lineage.lineage_entities import EntityType, end_of
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import Job, ResourceScope
from sagewright.store.resources import lineage, resources, trials
from sagewright.store.resources.lineage import AssociationDraft, End, Made
from sagewright.store.resources.resources import Resource

CONTRIBUTED, PRODUCED, ASSOCIATED = "ContributedTo", "Produced", "AssociatedWith"
LONGEST_URI = 2048
Key = tuple[str, str]
"""Kind and name of an entity; only the kind for a job's trial component."""
COMPONENT: Key = (trials.COMPONENT, "")


@dataclass
class Graph:
    """The entities and associations that should exist. `job`: the job whose trial component is the entity COMPONENT."""

    context: Context
    job: Job | None = None
    requested: dict[Key, tuple[EntityType, dict[str, Any]]] = field(default_factory=dict)
    links: dict[tuple[Key, Key], str] = field(default_factory=dict)

    def artifact(self, uri: str, kind: str, **more: Any) -> Key:
        source = {"SourceUri": uri[:LONGEST_URI]}
        request = {"Source": source, "ArtifactType": kind, **more}
        return self._want(ARTIFACTS, name_for(self.context, source), request)

    def action(self, name: str, kind: str, uri: str, **more: Any) -> Key:
        request = {"ActionName": name, "Source": {"SourceUri": uri, "SourceType": "ARN"}, "ActionType": kind, **more}
        return self._want(ACTIONS, name.lower(), request)

    def of_context(self, name: str, kind: str, uri: str, **more: Any) -> Key:
        request = {"ContextName": name, "Source": {"SourceUri": uri, "SourceType": "ARN"}, "ContextType": kind, **more}
        return self._want(CONTEXTS, name.lower(), request)

    def link(self, source: Key, destination: Key, kind: str = CONTRIBUTED) -> None:
        if source != destination:
            self.links.setdefault((source, destination), kind)

    def _want(self, form: EntityType, name: str, request: dict[str, Any]) -> Key:
        self.requested.setdefault((form.kind, name), (form, request))
        return form.kind, name

    @property
    def _scope(self) -> tuple[str, str]:
        return self.context.account, self.context.region

    def is_complete_in(self, connection: Connection) -> bool:
        """Returns True if nothing is missing."""
        there = self._standing_in(connection)
        if len(there) < len(self.requested) + (self.job is not None):
            return False
        return len(self._linked_in(connection, there)) == len(self.links)

    def _standing_in(self, connection: Connection) -> dict[Key, str]:
        names: dict[str, list[str]] = defaultdict(list)
        for kind, name in self.requested:
            names[kind].append(name)
        there = lineage.standing_in(connection, self._scope, names)
        if self.job is not None and (ids := trials.of_jobs_in(connection, [self.job.id])):
            there[COMPONENT] = ids[0]
        return there

    def _linked_in(self, connection: Connection, there: dict[Key, str]) -> set[tuple[Key, Key]]:
        ids = {pair: (there[pair[0]], there[pair[1]]) for pair in self.links if pair[0] in there and pair[1] in there}
        found = lineage.linked_in(connection, ids.values())
        return {pair for pair, ends in ids.items() if ends in found}

    def make_in(self, connection: Connection) -> None:
        """Creates missing entities and associations; existing ones stay unchanged. Raises IntegrityError."""
        there = self._standing_in(connection)
        made = [self._made(key) for key in self.requested if key not in there]
        lineage.make_in(connection, made)
        there |= {(one.row.kind, one.row.name): one.row.id for one in made}
        ends = {key: self._end(key, id_) for key, id_ in there.items() if key != COMPONENT}
        if self.job is not None:
            component = self._component_in(connection, there.get(COMPONENT))
            if component is not None:
                there[COMPONENT], ends[COMPONENT] = component.id, end_of(component)
        missing = self.links.keys() - self._linked_in(connection, there)
        links = [
            AssociationDraft(ends[source], ends[destination], kind)
            for (source, destination), kind in self.links.items()
            if (source, destination) in missing and source in ends and destination in ends
        ]
        lineage.link_in(connection, self._scope, links)

    def _component_in(self, connection: Connection, there: str | None) -> Resource | None:
        """Returns None for a component that was deleted: it is not created again."""
        assert self.job is not None
        if there is not None:
            return resources.locked_in(connection, there)
        if trials.has_own_in(connection, self.job.id):
            return None
        return job_components.make_in(connection, self.job)

    def _made(self, key: Key) -> Made:
        form, request = self.requested[key]
        now, status = now_ms(), request.get("Status", "")
        document = {name: value for name, value in request.items() if name != "Status"} | {CREATOR: "", CHANGER: ""}
        scope = ResourceScope(form.kind, *self._scope)
        row = Resource(uuid.uuid4().hex, **vars(scope), name=key[1], version=0, parent="", status=status,
                       created_ms=now, modified_ms=now, document=document)  # fmt: skip
        return Made(row, request["Source"]["SourceUri"], request[f"{form.noun}Type"])

    def _end(self, key: Key, id_: str) -> End:
        form, request = self.requested[key]
        return End(id_, form.arn(self.context, key[1]), request[f"{form.noun}Type"])


def bring_about(store: Database, graphs: Sequence[Graph]) -> None:
    """Creates the missing parts of graphs in one short transaction, or in none if nothing is missing. Raises IntegrityError if
    another server creates the same; then nothing has changed."""
    with store.read() as connection:
        missing = [graph for graph in graphs if not graph.is_complete_in(connection)]
    if missing:
        with store.write() as connection:
            for graph in missing:
                graph.make_in(connection)
