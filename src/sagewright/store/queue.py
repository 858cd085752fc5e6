"""Who waits for hosts, who has them, and who may bring a job forward."""

from __future__ import annotations

from sqlalchemy import bindparam, or_, select, update

from sagewright.model.clock import now_ms
from sagewright.model.lives import ACTIVE, Status
from sagewright.store.database import Database
from sagewright.store.hosts import RETIRED
from sagewright.store.jobs import Job, Wanted
from sagewright.store.memory import changes
from sagewright.store.schema.jobs import hosts, jobs

_JOBS = select(*[jobs.c[name] for name in Job.__dataclass_fields__])
_ACTIVE = jobs.c.status.in_(sorted(ACTIVE))
_HAS_HOSTS = select(hosts.c.id).where(hosts.c.job_id == jobs.c.id, hosts.c.phase != RETIRED).exists()
_OLDEST_FIRST = (jobs.c.created_ms, jobs.c.id)
_PLACED_IDS = select(jobs.c.id).where(_ACTIVE, _HAS_HOSTS).order_by(*_OLDEST_FIRST)
_WITHOUT_HOSTS = _JOBS.where(~_HAS_HOSTS).order_by(*_OLDEST_FIRST).limit(bindparam("how_many"))
_WAITING = _WITHOUT_HOSTS.where(
    jobs.c.status == Status.IN_PROGRESS.value,  # one status: the index gives the oldest
    jobs.c.wanted != Wanted.STOP.value,
)
_QUEUED = {
    False: _WAITING.where(jobs.c.spot == 0),
    True: _WAITING.where(jobs.c.spot == 1),
}
_STOPPED = _WITHOUT_HOSTS.where(_ACTIVE, jobs.c.wanted == Wanted.STOP.value)
_RUNNING_SPOT = _JOBS.where(_ACTIVE, _HAS_HOSTS, jobs.c.spot == 1).order_by(jobs.c.created_ms.desc(), jobs.c.id)
_INTERRUPT = (
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"), jobs.c.wanted == Wanted.RUN.value, _ACTIVE, _HAS_HOSTS)
    .values(wanted=Wanted.INTERRUPT.value)
)
_CLAIM = update(jobs).where(
    jobs.c.id == bindparam("job_id"),
    or_(jobs.c.lease_owner == bindparam("owner"), jobs.c.lease_until_ms < bindparam("now")),
)


def placed_ids(store: Database) -> list[str]:
    """Jobs that are not over and have hosts, oldest first."""
    with store.read() as connection:
        return list(connection.execute(_PLACED_IDS, {}).scalars())


def queued(store: Database, limit: int, *, spot: bool) -> list[Job]:
    """At most `limit` jobs that wait for hosts, oldest first; of the spot jobs or of the others."""
    with store.read() as connection:
        return [Job(*row) for row in connection.execute(_QUEUED[spot], {"how_many": limit})]


def stopped_in_queue(store: Database, limit: int) -> list[Job]:
    """At most `limit` jobs that have no hosts and are to be stopped."""
    with store.read() as connection:
        return [Job(*row) for row in connection.execute(_STOPPED, {"how_many": limit})]


def running_spot(store: Database) -> list[Job]:
    """Spot jobs that have hosts, newest first."""
    with store.read() as connection:
        return [Job(*row) for row in connection.execute(_RUNNING_SPOT, {})]


def ask_interrupt(store: Database, job_id: str) -> bool:
    """Have the hosts of a running job taken away; False if it has none, or is to be stopped or interrupted already."""
    with store.write() as connection:
        changes(connection, job_id)
        return bool(connection.execute(_INTERRUPT, {"job_id": job_id}).rowcount)


def claim(store: Database, job_id: str, owner: str, until_ms: int) -> bool:
    """Take (or keep) the right to reconcile a job until `until_ms`; False when another server has it."""
    values = {"job_id": job_id, "owner": owner, "now": now_ms(), "lease_owner": owner, "lease_until_ms": until_ms}
    with store.write() as connection:
        return bool(connection.execute(_CLAIM, values).rowcount)
