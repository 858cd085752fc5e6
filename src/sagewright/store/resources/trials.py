"""Memberships of trial components in trials, and the components that represent jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, or_, select, tuple_

from sagewright.model.clock import now_ms
from sagewright.store.absent import insert_absent
from sagewright.store.among import among
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Condition
from sagewright.store.prepared import PreparedStatement
from sagewright.store.resources.resources import is_of
from sagewright.store.schema.jobs import jobs
from sagewright.store.schema.properties import index_queue
from sagewright.store.schema.resources import resources
from sagewright.store.schema.trials import trial_associations

COMPONENT = "trial-component"
FORGOTTEN = "trial-component-forgotten"
"""Kind of a row: the component of a job (its parent) was deleted, and is not created again."""
_OWN = trial_associations.c
_TRIALS = PreparedStatement(
    select(_OWN.component, _OWN.trial).where(among(_OWN.component, "ids")).order_by(_OWN.at_ms, _OWN.trial)
)
_COMPONENTS = PreparedStatement(
    select(_OWN.trial, _OWN.component).where(among(_OWN.trial, "ids")).order_by(_OWN.at_ms, _OWN.component)
)
_OF_JOBS = PreparedStatement(
    select(resources.c.parent, resources.c.id, resources.c.kind).where(
        among(resources.c.parent, "jobs"), or_(is_of(COMPONENT), is_of(FORGOTTEN))
    )
)
_NAMED = PreparedStatement(
    select(resources.c.name).where(
        resources.c.kind == bindparam("kind"),
        resources.c.account == bindparam("account"),
        resources.c.region == bindparam("region"),
        among(resources.c.name, "names"),
    )
)


def associate_in(connection: Connection, trial: str, component: str) -> None:
    """Associates a component with a trial, idempotently."""
    there = select(_OWN.trial).where(_OWN.trial == trial, _OWN.component == component)
    row = {"trial": trial, "component": component, "at_ms": now_ms()}
    if connection.execute(there).first() is None and insert_absent(connection, trial_associations, row):
        changed_in(connection, trial, component)


def dissociate_in(connection: Connection, trial: str, component: str) -> bool:
    """Deletes an association; returns True if there was one."""
    done = connection.execute(
        delete(trial_associations).where(_OWN.trial == trial, _OWN.component == component)
    ).rowcount
    if done:
        changed_in(connection, trial, component)
    return bool(done)


def changed_in(connection: Connection, *ids: str) -> None:
    """Queues these resources for the index: the values by which they are found have changed, though their rows have
    not."""
    connection.execute(insert(index_queue), [{"source": "resources", "ref": one} for one in ids])


def has_components_in(connection: Connection, trial: str) -> bool:
    return connection.execute(select(_OWN.trial).where(_OWN.trial == trial).limit(1)).first() is not None


def has_trials_in(connection: Connection, component: str) -> bool:
    return connection.execute(select(_OWN.trial).where(_OWN.component == component).limit(1)).first() is not None


def trials_of(store: Database, components: Sequence[str]) -> dict[str, list[str]]:
    """Returns the ids of the trials of each component, in the order of association."""
    return _pairs(store, _TRIALS, components)


def components_of(store: Database, trials: Sequence[str]) -> dict[str, list[str]]:
    """Returns the ids of the components of each trial, in the order of association."""
    return _pairs(store, _COMPONENTS, trials)


def _pairs(store: Database, statement: PreparedStatement, ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    with store.read() as connection:
        for key, value in statement.all(connection, {"ids": ids}):
            found[key].append(value)
    return found


def in_trial(trial: str) -> Condition:
    """Matches components in a trial."""
    return resources.c.id.in_(select(_OWN.component).where(_OWN.trial == trial))


def in_experiment(experiment: str) -> Condition:
    """Matches components in an experiment."""
    trials = select(resources.c.id).where(resources.c.parent == experiment)
    return resources.c.id.in_(select(_OWN.component).where(_OWN.trial.in_(trials)))


def has_component(component: str) -> Condition:
    """Matches trials with a component."""
    return resources.c.id.in_(select(_OWN.trial).where(_OWN.component == component))


def belongs_to(parent: str) -> Condition:
    return resources.c.parent == parent


def of_jobs(store: Database, ids: Sequence[str]) -> list[str]:
    """Returns the ids of the components of these jobs."""
    with store.read() as connection:
        return [component for component in of_jobs_in(connection, ids).values() if component]


def of_jobs_in(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Returns the ids of the components that represent these jobs, by job: "" for one that was deleted."""
    rows = _OF_JOBS.all(connection, {"jobs": ids})
    deleted = {job: "" for job, _, kind in rows if kind == FORGOTTEN}
    return deleted | {job: component for job, component, kind in rows if kind == COMPONENT}


@dataclass(frozen=True)
class JobsRead:
    """Some jobs of a scope in order of creation. `last`: the time and name of the last of them, None if none is left; `missing`:
    rows (id, kind, account, region, name, created_ms) of those that never had a component."""

    last: tuple[int, str] | None
    missing: list[Row[Any]]


def newest_jobs_in(connection: Connection, scope: ResourceScope, since_ms: int, most: int) -> JobsRead:
    """Reads the newest `most` of the jobs created since then. `last` is None if there are no more."""
    own = _jobs_of(scope).where(jobs.c.created_ms >= since_ms)
    found = connection.execute(own.order_by(jobs.c.created_ms.desc(), jobs.c.name.desc()).limit(most)).all()
    return _read_in(connection, found, most)


def next_jobs_in(connection: Connection, scope: ResourceScope, after: tuple[int, str], most: int) -> JobsRead:
    """Reads `most` jobs behind a time and name."""
    own = _jobs_of(scope).where(tuple_(jobs.c.created_ms, jobs.c.name) > after)
    found = connection.execute(own.order_by(jobs.c.created_ms, jobs.c.name).limit(most)).all()
    return _read_in(connection, found, most)


def _jobs_of(scope: ResourceScope) -> Select[Any]:
    columns = (jobs.c.id, jobs.c.kind, jobs.c.account, jobs.c.region, jobs.c.name, jobs.c.created_ms)
    own = (jobs.c.kind == scope.kind, jobs.c.account == scope.account, jobs.c.region == scope.region)
    return select(*columns).where(*own)


def _read_in(connection: Connection, found: Sequence[Row[Any]], most: int) -> JobsRead:
    parent = resources.c.parent
    tracked = select(parent).where(parent.in_([job.id for job in found]), or_(is_of(COMPONENT), is_of(FORGOTTEN)))
    there = set(connection.execute(tracked).scalars())
    last = (found[-1].created_ms, found[-1].name) if len(found) == most else None
    return JobsRead(last, [job for job in found if job.id not in there])


def job_scopes_in(connection: Connection, kinds: Container[str]) -> list[ResourceScope]:
    """Returns the scopes that have jobs of these kinds. One index look-up finds the next, however many jobs are between them."""
    key = (jobs.c.kind, jobs.c.account, jobs.c.region)
    following = select(*key).order_by(*key).limit(1)
    found: list[ResourceScope] = []
    row = connection.execute(following).first()
    while row is not None:
        found.append(ResourceScope(*row))
        row = connection.execute(following.where(tuple_(*key) > tuple(row))).first()
    return [scope for scope in found if scope.kind in kinds]


def named_in(connection: Connection, scope: ResourceScope, names: Sequence[str]) -> set[str]:
    """Returns those of the names that resources have."""
    return {row[0] for row in _NAMED.all(connection, {**vars(scope), "names": names})}


def is_one_of(ids: Sequence[str]) -> Condition:
    return resources.c.id.in_(ids)
