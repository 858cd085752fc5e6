"""Warm pools: a row for each job that has or had one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from sagewright.model.clock import now_ms
from sagewright.model.jobs.state_machines import ENDED
from sagewright.store.among import among
from sagewright.store.database import Database
from sagewright.store.memory import changes
from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.jobs import jobs
from sagewright.store.schema.warmpools import warm_pools


class PoolStatus(StrEnum):
    """Source: botocore's WarmPoolResourceStatus."""

    IN_USE = "InUse"  # the job runs on it
    AVAILABLE = "Available"  # the job is over, and its hosts wait for another one
    REUSED = "Reused"  # another job has them
    TERMINATED = "Terminated"  # no job has its hosts any more


@dataclass(frozen=True)
class WarmPool:
    """See the table for the columns."""

    job_id: str
    cluster_id: str
    cluster_since_ms: int
    shape: str
    status: str
    since_ms: int | None = None
    until_ms: int | None = None
    left_ms: int | None = None
    reused_by: str | None = None


_POOLS = select(*[warm_pools.c[name] for name in WarmPool.__dataclass_fields__])
_BY_JOB = PreparedStatement(_POOLS.where(warm_pools.c.job_id == bindparam("job")))
_BY_JOBS = PreparedStatement(_POOLS.where(among(warm_pools.c.job_id, "jobs")))
_AVAILABLE = PreparedStatement(
    _POOLS.where(warm_pools.c.status == PoolStatus.AVAILABLE.value).order_by(warm_pools.c.since_ms)
)
_ENDED_JOBS = select(jobs.c.id).where(jobs.c.status.in_(sorted(ENDED)))
_LEFT_IN_USE = _POOLS.where(warm_pools.c.status == PoolStatus.IN_USE.value, warm_pools.c.job_id.in_(_ENDED_JOBS))
_MOVE = update(warm_pools).where(warm_pools.c.job_id == bindparam("job"), warm_pools.c.status == bindparam("from"))


def of_job(store: Database, job_id: str) -> WarmPool | None:
    found = store.recall(job_id, "warm pool", lambda: _read(store, job_id))
    return found[0] if found else None


def _read(store: Database, job_id: str) -> list[WarmPool]:
    with store.read() as connection:
        return [WarmPool(*row) for row in _BY_JOB.all(connection, {"job": job_id})]


def of_jobs(store: Database, job_ids: Sequence[str]) -> dict[str, WarmPool]:
    """Returns the pools of the jobs that have one, by job id."""
    with store.read() as connection:
        found = (WarmPool(*row) for row in _BY_JOBS.all(connection, {"jobs": job_ids}))
        return {pool.job_id: pool for pool in found}


def available(store: Database) -> list[WarmPool]:
    """Returns pools that wait for a job, oldest first."""
    with store.read() as connection:
        return [WarmPool(*row) for row in _AVAILABLE.all(connection, {})]


def left_in_use(store: Database) -> list[WarmPool]:
    """Returns pools whose job is over without a decision on whether they stay: the server was killed before it."""
    with store.read() as connection:
        return [WarmPool(*row) for row in connection.execute(_LEFT_IN_USE)]


def open_new(store: Database, pool: WarmPool) -> None:
    """Creates the pool with which a job begins; does nothing if the job has one."""
    try:
        with store.write() as connection:
            connection.execute(insert(warm_pools).values(vars(pool)))
            changes(connection, pool.job_id)
    except IntegrityError:
        return


def reuse(store: Database, pool: WarmPool, job_id: str, name: str) -> bool:
    """Hands an available pool over to another job; returns False if another server was first."""
    values = {"status": PoolStatus.REUSED.value, "left_ms": now_ms(), "reused_by": name}
    with store.write() as connection:
        requested = {"job": pool.job_id, "from": PoolStatus.AVAILABLE.value, **values}
        if not connection.execute(_MOVE, requested).rowcount:
            return False
        taken = WarmPool(job_id, pool.cluster_id, pool.cluster_since_ms, pool.shape, PoolStatus.IN_USE.value)
        connection.execute(insert(warm_pools).values(vars(taken)))
        changes(connection, pool.job_id)
        changes(connection, job_id)
    return True


def keep(store: Database, job_id: str, since_ms: int, until_ms: int) -> bool:
    """Makes the hosts of a finished job available; returns False if it has no pool."""
    values = {"status": PoolStatus.AVAILABLE.value, "since_ms": since_ms, "until_ms": until_ms}
    return _move(store, job_id, PoolStatus.IN_USE, values)


def terminate(store: Database, job_id: str, status: PoolStatus) -> bool:
    """Ends the pool if it still has that status."""
    return _move(store, job_id, status, {"status": PoolStatus.TERMINATED.value, "left_ms": now_ms()})


def set_end(store: Database, job_id: str, until_ms: int) -> bool:
    """Sets when an available pool ends; returns False if it is not available (any more)."""
    return _move(store, job_id, PoolStatus.AVAILABLE, {"until_ms": until_ms})


def _move(store: Database, job_id: str, status: PoolStatus, values: dict[str, Any]) -> bool:
    with store.write() as connection:
        changes(connection, job_id)
        return bool(connection.execute(_MOVE, {"job": job_id, "from": status.value, **values}).rowcount)
