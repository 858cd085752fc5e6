"""Jobs of every kind, and the one function that changes a job's status."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from sagewright.model.clock import now_ms
from sagewright.model.jobs.state_machines import STATE_MACHINES, StateMachine
from sagewright.store import events
from sagewright.store.database import Database
from sagewright.store.events import EventEntry, EventSubject
from sagewright.store.memory import changes, known
from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.jobs import hosts, job_metrics, jobs
from sagewright.store.schema.warmpools import warm_pools


class DesiredState(StrEnum):
    """The state that the API last requested of a job; the reconciler brings it about."""

    RUN = "run"  # run to its end
    STOP = "stop"  # end it early
    INTERRUPT = "interrupt"  # take its hosts away and queue it again


@dataclass(frozen=True)
class ResourceScope:
    """The scope in which a name is unique: the kind of job, the account and the region."""

    kind: str
    account: str
    region: str


@dataclass(frozen=True)
class Job:
    """One job: its request (`request`, wire names) and its state according to the event log. `owner` … `rank`: see JobClaim."""

    id: str
    kind: str
    account: str
    region: str
    name: str
    created_ms: int
    request: dict[str, Any]
    desired: str
    status: str
    secondary_status: str
    modified_ms: int
    started_ms: int | None
    ended_ms: int | None
    failure_reason: str | None
    exit_message: str | None
    owner: str = ""
    role: str = ""
    volume_gb: int = 0
    rank: int = 0

    @property
    def state_machine(self) -> StateMachine:
        return STATE_MACHINES[self.kind]

    @property
    def ended(self) -> bool:
        return self.status in self.state_machine.ended


@dataclass(frozen=True)
class JobClaim:
    """Who a job belongs to, and what it claims. `owner`: who requested it, user/NAME or role/NAME; `role`: the name of the role it
    runs as; `instances`: hosts by instance type; `rank`: its priority, negated.
    """

    owner: str = ""
    role: str = ""
    instances: Mapping[str, int] = field(default_factory=dict)
    volume_gb: int = 0
    rank: int = 0

    def columns(self) -> dict[str, Any]:
        claims = ",".join(f"{name}={count}" for name, count in self.instances.items())
        return {
            "owner": self.owner,
            "role": self.role,
            "claims": claims,
            "volume_gb": self.volume_gb,
            "rank": self.rank,
        }


@dataclass(frozen=True)
class JobDraft:
    """A job to create. `message`: message of its first event; `principal`: the ARN of the caller; `spot`: True if it yields to jobs
    that are not spot jobs."""

    name: str
    request: dict[str, Any]
    message: str = ""
    spot: bool = False
    principal: str = ""
    claim: JobClaim = JobClaim()


@dataclass(frozen=True)
class Event:
    """An event: the target step, the message for clients, and further changes that come with it."""

    step: str
    message: str = ""
    failure_reason: str | None = None
    exit_message: str | None = None
    started: bool = False
    ended: bool = False
    at_ms: int | None = None


_CLAIMED = ("owner", "role", "volume_gb", "rank")
_COLUMNS = [jobs.c[name] for name in Job.__dataclass_fields__]
_JOBS = select(*_COLUMNS)
# The statements of each request are built once; SQLAlchemy takes longer to build a statement than SQLite to run it.
_NAMED = (
    jobs.c.kind == bindparam("kind"),
    jobs.c.account == bindparam("account"),
    jobs.c.region == bindparam("region"),
    jobs.c.name == bindparam("name"),
)
_ID_BY_NAME = PreparedStatement(select(jobs.c.id).where(*_NAMED))
_BY_NAME = PreparedStatement(_JOBS.where(*_NAMED))
_BY_ID = PreparedStatement(_JOBS.where(jobs.c.id == bindparam("job_id")))
_LOCKED = PreparedStatement(_JOBS.where(jobs.c.id == bindparam("job_id")).with_for_update())
_INSERT = PreparedStatement(
    insert(jobs),
    ("id", "kind", "account", "region", "name", "created_ms", "request", "desired", "status", "secondary_status", "modified_ms",
     "spot", "owner", "role", "claims", "volume_gb", "rank"),
)  # fmt: skip
_METRICS = PreparedStatement(
    select(job_metrics.c.name, job_metrics.c.value, job_metrics.c.at_ms)
    .where(job_metrics.c.job_id == bindparam("job_id"))
    .order_by(job_metrics.c.name)
)


class FinalMetric(NamedTuple):
    """The last value of a metric of a job."""

    name: str
    value: float
    at_ms: int


class JobNameTaken(Exception):
    """A job of that kind and name exists already: `job`."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.name)
        self.job = job


def create(
    store: Database, scope: ResourceScope, draft: JobDraft, also: Callable[[Connection], None] | None = None
) -> Job:
    """Creates a job at its first step, with its first event and the rows that `also` writes. Raises JobNameTaken."""
    now, state_machine = now_ms(), STATE_MACHINES[scope.kind]
    values = {
        "id": uuid.uuid4().hex,
        "name": draft.name,
        "created_ms": now,
        "request": draft.request,
        "desired": DesiredState.RUN.value,
        "status": str(state_machine.status_of[state_machine.first]),
        "secondary_status": str(state_machine.first),
        "modified_ms": now,
        **vars(scope),
    }
    try:
        with store.write() as connection:
            _INSERT.run(connection, {**values, "spot": int(draft.spot), **draft.claim.columns()})
            first = EventEntry(
                now, values["status"], values["secondary_status"], draft.message, principal=draft.principal
            )
            events.append(connection, EventSubject(scope.kind, values["id"]), first)
            claim = {name: getattr(draft.claim, name) for name in _CLAIMED}
            job = Job(**values, started_ms=None, ended_ms=None, failure_reason=None, exit_message=None, **claim)
            changes(connection, job.id, job=job)
            changes(connection, _named(scope, draft.name), id=job.id)
            if also is not None:
                also(connection)
    except IntegrityError:
        existing = find(store, scope, draft.name)
        if existing is None:
            raise
        raise JobNameTaken(existing) from None
    return job


def find(store: Database, scope: ResourceScope, name: str) -> Job | None:
    """Returns the job of that name, or None."""
    if not store.embedded:  # nothing is recalled: one statement instead of two
        return _read_named(store, scope, name)
    job_id = store.recall(_named(scope, name), "id", lambda: _id_of(store, scope, name))
    return get(store, job_id) if job_id else None


def get(store: Database, job_id: str) -> Job | None:
    return store.recall(job_id, "job", lambda: _read(store, job_id))


def _read(store: Database, job_id: str) -> Job | None:
    with store.read() as connection:
        row = _BY_ID.first(connection, {"job_id": job_id})
    return Job(*row) if row else None


def _read_named(store: Database, scope: ResourceScope, name: str) -> Job | None:
    with store.read() as connection:
        row = _BY_NAME.first(connection, {**vars(scope), "name": name})
    return Job(*row) if row else None


def _id_of(store: Database, scope: ResourceScope, name: str) -> str | None:
    with store.read() as connection:
        row = _ID_BY_NAME.first(connection, {**vars(scope), "name": name})
    return row[0] if row else None


def _named(scope: ResourceScope, name: str) -> str:
    return f"{scope.kind}/{scope.account}/{scope.region}/{name}"


def move(store: Database, job_id: str, event: Event) -> Job | None:
    """Appends `event` and projects it, if the move is legal; returns None if it is not.

    The same step with a new message only changes the message of the current entry.
    """
    with store.write() as connection:
        return move_in(connection, job_id, event)


def move_in(connection: Connection, job_id: str, event: Event) -> Job | None:
    """`move` inside the caller's transaction."""
    job: Job | None = known(connection, job_id, "job") or _locked(connection, job_id)
    if job is None:
        return None
    state_machine = STATE_MACHINES[job.kind]
    if job.ended or not state_machine.may(job.secondary_status, event.step):
        return None
    now = event.at_ms or now_ms()
    status = state_machine.status_after(job.status, event.step)
    changed: dict[str, Any] = {"status": status, "secondary_status": str(event.step), "modified_ms": now}
    if event.started and job.started_ms is None:
        changed["started_ms"] = now
    if event.ended:
        changed["ended_ms"] = now
    said = {name: getattr(event, name) for name in ("failure_reason", "exit_message")}
    detail = {name: text for name, text in said.items() if text is not None}
    message = event.message or state_machine.message(event.step)
    events.append(
        connection, EventSubject(job.kind, job_id), EventEntry(now, status, str(event.step), message, detail or None)
    )
    _change(connection, job_id, {**changed, **detail})
    moved = replace(job, **changed, **detail)
    changes(connection, job_id, job=moved)
    return moved


def _locked(connection: Connection, job_id: str) -> Job | None:
    row = _LOCKED.first(connection, {"job_id": job_id})
    return Job(*row) if row else None


def _change(connection: Connection, job_id: str, changed: dict[str, Any]) -> None:
    _update(tuple(changed)).run(connection, {"job_id": job_id, **changed})


@lru_cache(64)
def _update(columns: tuple[str, ...]) -> PreparedStatement:
    return PreparedStatement(update(jobs).where(jobs.c.id == bindparam("job_id")), columns)


def transitions(store: Database, job_id: str) -> list[EventEntry]:
    """Returns the event log of one job, oldest first."""
    return store.recall(job_id, "transitions", lambda: events.of(store, job_id)) or []


def set_desired(store: Database, job_id: str, desired: DesiredState) -> None:
    with store.write() as connection:
        set_desired_in(connection, job_id, desired)


def set_desired_in(connection: Connection, job_id: str, desired: DesiredState) -> None:
    """`set_desired` inside the caller's transaction."""
    _change(connection, job_id, {"desired": desired.value, "modified_ms": now_ms()})
    changes(connection, job_id)


def change_request(store: Database, job_id: str, request: dict[str, Any]) -> None:
    """Replaces the request of a job (Update operations)."""
    with store.write() as connection:
        _change(connection, job_id, {"request": request, "modified_ms": now_ms()})
        changes(connection, job_id)


def remove(store: Database, job_id: str) -> None:
    """Deletes a job, its events, hosts and metrics; its name may be used again."""
    with store.write() as connection:
        row = _BY_ID.first(connection, {"job_id": job_id})
        events.remove(connection, job_id)
        for table in (hosts, job_metrics, warm_pools):
            connection.execute(delete(table).where(table.c.job_id == job_id))
        connection.execute(delete(jobs).where(jobs.c.id == job_id))
        changes(connection, job_id)
        if row is not None:
            job = Job(*row)
            changes(connection, _named(ResourceScope(job.kind, job.account, job.region), job.name))


def remove_ended(store: Database, kind: str, prefix: str, before_ms: int, limit: int) -> int:
    """Deletes at most `limit` jobs of a kind whose names have the prefix and that ended before `before_ms`; returns how many there
    were."""
    statement = (
        select(jobs.c.id)
        .where(
            jobs.c.kind == kind,
            jobs.c.name.startswith(prefix, autoescape=True),
            jobs.c.created_ms < before_ms,
            jobs.c.ended_ms < before_ms,
        )
        .order_by(jobs.c.created_ms)
        .limit(limit)
    )
    with store.read() as connection:
        found = list(connection.execute(statement).scalars())
    for job_id in found:
        remove(store, job_id)
    return len(found)


def put_metric(connection: Connection, job_id: str, name: str, value: float, at_ms: int) -> None:
    """Stores the last value of a metric of a job."""
    where = (job_metrics.c.job_id == job_id, job_metrics.c.name == name)
    done = connection.execute(update(job_metrics).where(*where).values(value=value, at_ms=at_ms))
    if not done.rowcount:
        connection.execute(insert(job_metrics).values(job_id=job_id, name=name, value=value, at_ms=at_ms))
    changes(connection, job_id)


def final_metrics(store: Database, job_id: str) -> list[FinalMetric]:
    """Returns the last value of each metric that the job emitted, by name."""
    return store.recall(job_id, "metrics", lambda: _read_metrics(store, job_id)) or []


def _read_metrics(store: Database, job_id: str) -> list[FinalMetric]:
    with store.read() as connection:
        return [FinalMetric(*row) for row in _METRICS.all(connection, {"job_id": job_id})]
