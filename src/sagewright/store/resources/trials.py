"""Memberships of trial components in trials, and the components that represent jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, exists, insert, literal, or_, select

from sagewright.model.clock import now_ms
from sagewright.store.absent import insert_absent
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.listing import Condition
from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.jobs import jobs
from sagewright.store.schema.properties import index_queue
from sagewright.store.schema.resources import resources
from sagewright.store.schema.trials import trial_associations

COMPONENT = "trial-component"
FORGOTTEN = "trial-component-forgotten"
"""Kind of a row: the component of a job (its parent) was deleted, and is not created again."""
_OWN = trial_associations.c
_OF_JOB = PreparedStatement(
    select(resources.c.id).where(resources.c.parent == bindparam("job"), resources.c.kind == literal(COMPONENT))
)
_OWN_OF_JOB = PreparedStatement(
    select(resources.c.id).where(resources.c.parent == bindparam("job"), resources.c.kind == bindparam("own")).limit(1)
)
_NAMED = PreparedStatement(
    select(resources.c.id)
    .where(
        resources.c.kind == bindparam("kind"),
        resources.c.account == bindparam("account"),
        resources.c.region == bindparam("region"),
        resources.c.name == bindparam("named"),
    )
    .limit(1)
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
    """Queues these resources for the index: what they are found by has changed, though their rows have not."""
    connection.execute(insert(index_queue), [{"source": "resources", "ref": one} for one in ids])


def has_components_in(connection: Connection, trial: str) -> bool:
    return connection.execute(select(_OWN.trial).where(_OWN.trial == trial).limit(1)).first() is not None


def has_trials_in(connection: Connection, component: str) -> bool:
    return connection.execute(select(_OWN.trial).where(_OWN.component == component).limit(1)).first() is not None


def trials_of(store: Database, components: Sequence[str]) -> dict[str, list[str]]:
    """Returns the ids of the trials of each component, in the order of association."""
    statement = select(_OWN.component, _OWN.trial).where(_OWN.component.in_(components))
    return _pairs(store, statement.order_by(_OWN.at_ms, _OWN.trial))


def components_of(store: Database, trials: Sequence[str]) -> dict[str, list[str]]:
    """Returns the ids of the components of each trial, in the order of association."""
    statement = select(_OWN.trial, _OWN.component).where(_OWN.trial.in_(trials))
    return _pairs(store, statement.order_by(_OWN.at_ms, _OWN.component))


def _pairs(store: Database, statement: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    with store.read() as connection:
        for key, value in connection.execute(statement):
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
        return of_jobs_in(connection, ids)


def of_jobs_in(connection: Connection, ids: Sequence[str]) -> list[str]:
    return [row[0] for one in ids for row in _OF_JOB.all(connection, {"job": one})]


def untracked_in(
    connection: Connection, account: str, region: str, kinds: Sequence[str], since_ms: int
) -> list[Row[Any]]:
    """Returns (id, kind, name, created_ms) of some jobs created since then that never had a component, oldest first."""
    parent = resources.alias()
    tracked = exists().where(parent.c.parent == jobs.c.id, or_(parent.c.kind == COMPONENT, parent.c.kind == FORGOTTEN))
    statement = select(jobs.c.id, jobs.c.kind, jobs.c.account, jobs.c.region, jobs.c.name, jobs.c.created_ms).where(
        jobs.c.kind.in_(kinds), jobs.c.account == account, jobs.c.region == region, jobs.c.created_ms >= since_ms
    )
    return list(connection.execute(statement.where(~tracked).order_by(jobs.c.created_ms).limit(200)))


def has_own_in(connection: Connection, job: str) -> bool:
    """True if a job has a component that represents it, or had one that was deleted."""
    return any(_OWN_OF_JOB.first(connection, {"job": job, "own": kind}) for kind in (COMPONENT, FORGOTTEN))


def is_named_in(connection: Connection, scope: ResourceScope, name: str) -> bool:
    return _NAMED.first(connection, {**vars(scope), "named": name}) is not None


def is_one_of(ids: Sequence[str]) -> Condition:
    return resources.c.id.in_(ids)
