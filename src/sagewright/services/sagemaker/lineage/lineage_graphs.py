"""Lineage graphs created by the server: entities and the associations between them, written once."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
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
    def place(self) -> tuple[str, str]:
        """Account and region."""
        return self.context.account, self.context.region

    def made(self, key: Key) -> Made:
        form, request = self.requested[key]
        now, status = now_ms(), request.get("Status", "")
        document = {name: value for name, value in request.items() if name != "Status"} | {CREATOR: "", CHANGER: ""}
        scope = ResourceScope(form.kind, *self.place)
        row = Resource(uuid.uuid4().hex, **vars(scope), name=key[1], version=0, parent="", status=status,
                       created_ms=now, modified_ms=now, document=document)  # fmt: skip
        return Made(row, request["Source"]["SourceUri"], request[f"{form.noun}Type"])

    def end(self, key: Key, id_: str) -> End:
        form, request = self.requested[key]
        return End(id_, form.arn(self.context, key[1]), request[f"{form.noun}Type"])


class _Existing:
    """The existing parts of graphs, read in a few statements for all.

    `entities`: ids by scope and name; `components`: ids of components by job, "" for one that was deleted: it is not created again.
    """

    def __init__(self, connection: Connection, graphs: Sequence[Graph]) -> None:
        names: dict[ResourceScope, dict[str, None]] = defaultdict(dict)
        for graph in graphs:
            for kind, name in graph.requested:
                names[ResourceScope(kind, *graph.place)][name] = None
        self.entities = {
            (scope, name): id_
            for scope, some in names.items()
            for name, id_ in lineage.standing_in(connection, scope, list(some)).items()
        }
        self.components = trials.of_jobs_in(connection, [graph.job.id for graph in graphs if graph.job is not None])

    def of(self, graph: Graph) -> dict[Key, str]:
        """Returns the ids of the graph's entities."""
        found = {
            (kind, name): id_
            for kind, name in graph.requested
            if (id_ := self.entities.get((ResourceScope(kind, *graph.place), name)))
        }
        if graph.job is not None and (component := self.components.get(graph.job.id)):
            found[COMPONENT] = component
        return found


def _is_complete_in(connection: Connection, graph: Graph, existing: _Existing) -> bool:
    """Returns True if nothing is missing."""
    there = existing.of(graph)
    if len(there) < len(graph.requested) + (graph.job is not None):
        return False
    pairs = {(there[source], there[destination]) for source, destination in graph.links}
    return len(lineage.linked_in(connection, pairs)) == len(pairs)


def _make_in(connection: Connection, graphs: Sequence[Graph]) -> None:
    """Creates missing entities and associations; existing ones stay unchanged. Raises IntegrityError."""
    existing = _Existing(connection, graphs)
    made: dict[tuple[ResourceScope, str], Made] = {}
    for graph in graphs:
        for kind, name in graph.requested:
            at = ResourceScope(kind, *graph.place), name
            if at not in existing.entities and at not in made:
                made[at] = graph.made((kind, name))
    lineage.make_in(connection, list(made.values()))
    existing.entities |= {at: one.row.id for at, one in made.items()}
    components, new = _components_in(connection, graphs, existing)
    new |= {one.row.id for one in made.values()}
    drafts = _drafts(graphs, existing, components)
    linked = lineage.linked_in(connection, [pair for pair in drafts if new.isdisjoint(pair)])
    by_place: dict[tuple[str, str], list[AssociationDraft]] = defaultdict(list)
    for pair, (place, draft) in drafts.items():
        if pair not in linked:
            by_place[place].append(draft)
    for place, links in by_place.items():
        lineage.link_in(connection, place, links)


def _components_in(
    connection: Connection, graphs: Sequence[Graph], existing: _Existing
) -> tuple[dict[str, End], set[str]]:
    """Returns the trial components by job, and the ids of those that were created."""
    jobs = {graph.job.id: graph.job for graph in graphs if graph.job is not None}
    made = job_components.make_all_in(connection, [job for id_, job in jobs.items() if id_ not in existing.components])
    found = [resources.locked_in(connection, id_) for id_ in existing.components.values() if id_]
    ends = {one.parent: end_of(one) for one in [*made, *found] if one is not None}
    return ends, {one.id for one in made}


def _drafts(
    graphs: Sequence[Graph], existing: _Existing, components: Mapping[str, End]
) -> dict[tuple[str, str], tuple[tuple[str, str], AssociationDraft]]:
    """Returns the associations whose ends exist, each with its place, by the ids of both ends."""
    found: dict[tuple[str, str], tuple[tuple[str, str], AssociationDraft]] = {}
    for graph in graphs:
        ends = {key: graph.end(key, id_) for key, id_ in existing.of(graph).items() if key != COMPONENT}
        if graph.job is not None and graph.job.id in components:
            ends[COMPONENT] = components[graph.job.id]
        for (source, destination), kind in graph.links.items():
            if source in ends and destination in ends:
                pair = ends[source].id, ends[destination].id
                found.setdefault(pair, (graph.place, AssociationDraft(ends[source], ends[destination], kind)))
    return found


def bring_about(store: Database, graphs: Sequence[Graph]) -> None:
    """Creates the missing parts of graphs in one short transaction, or in none if nothing is missing. Raises IntegrityError if
    another server creates the same; then nothing has changed."""
    with store.read() as connection:
        existing = _Existing(connection, graphs)
        missing = [graph for graph in graphs if not _is_complete_in(connection, graph, existing)]
    if missing:
        with store.write() as connection:
            _make_in(connection, missing)
