"""Queries of the queue: jobs that wait for hosts, jobs that have them, and leases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, or_, select, tuple_, update

from sagewright.model.clock import now_ms
from sagewright.model.jobs.state_machines import ACTIVE, Status
from sagewright.store.database import Database
from sagewright.store.jobs.hosts import RETIRED
from sagewright.store.jobs.jobs import DesiredState, Job
from sagewright.store.memory import changes
from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.jobs import hosts, jobs
from sagewright.store.schema.reservations import reservations
from sagewright.store.servers import is_dead

MOST_COUNTED = 1000
_JOBS = select(*[jobs.c[name] for name in Job.__dataclass_fields__])
_ACTIVE = jobs.c.status.in_(sorted(ACTIVE))
_HAS_HOSTS = select(hosts.c.id).where(hosts.c.job_id == jobs.c.id, hosts.c.phase != RETIRED).exists()
_OLDEST_FIRST = (jobs.c.created_ms, jobs.c.id)
_OURS = or_(
    jobs.c.lease_owner == bindparam("server"), jobs.c.lease_until_ms < bindparam("now"), is_dead(jobs.c.lease_owner)
)
_HAS_SHARE = select(reservations.c.job_id).where(reservations.c.job_id == jobs.c.id).exists()
_PLACED = select(jobs.c.kind, jobs.c.id).where(_ACTIVE, or_(_HAS_HOSTS, _HAS_SHARE), _OURS).order_by(*_OLDEST_FIRST)
_WITHOUT_HOSTS = _JOBS.where(~_HAS_HOSTS).order_by(*_OLDEST_FIRST).limit(bindparam("how_many"))
_WAITING = _WITHOUT_HOSTS.where(
    jobs.c.status == Status.IN_PROGRESS.value,  # a single status, so that the index finds the oldest
    jobs.c.desired != DesiredState.STOP.value,
)
_PLACED_LATER = select(jobs.c.id).where(
    _ACTIVE,
    select(reservations.c.job_id).where(reservations.c.job_id == jobs.c.id, reservations.c.cpus > 0).exists(),
    or_(
        jobs.c.spot == 1,
        jobs.c.created_ms > bindparam("created_ms"),
        and_(jobs.c.created_ms == bindparam("created_ms"), jobs.c.id > bindparam("id")),
        and_(
            jobs.c.owner != bindparam("owner"),
            select(reservations.c.job_id)
            .where(reservations.c.job_id == jobs.c.id, reservations.c.placed_ms > bindparam("created_ms"))
            .exists(),
        ),
    ),
)
_BY_RANK = (jobs.c.rank, jobs.c.created_ms, jobs.c.id)
_OF_OWNER = (
    _JOBS.where(
        ~_HAS_HOSTS,
        jobs.c.status == Status.IN_PROGRESS.value,
        jobs.c.desired != DesiredState.STOP.value,
        jobs.c.owner == bindparam("owner"),
        tuple_(*_BY_RANK) > tuple_(*(bindparam(f"after_{name}") for name in ("rank", "created_ms", "id"))),
    )
    .order_by(*_BY_RANK)
    .limit(bindparam("how_many"))
)
_FIRST_OWNER = select(func.min(jobs.c.owner)).where(jobs.c.status == Status.IN_PROGRESS.value)
_LINE = _FIRST_OWNER.cte("owners", recursive=True)
_NEXT_OWNER = _FIRST_OWNER.where(jobs.c.owner > _LINE.c[0]).scalar_subquery()
_OWNERS_CTE = _LINE.union_all(select(_NEXT_OWNER).where(_LINE.c[0].is_not(None)))
_OWNERS = PreparedStatement(select(_OWNERS_CTE.c[0]).where(_OWNERS_CTE.c[0].is_not(None)))
_RANKS = PreparedStatement(
    select(
        *(
            select(one(jobs.c.rank))
            .where(jobs.c.status == Status.IN_PROGRESS.value, jobs.c.owner == bindparam("owner"))
            .scalar_subquery()
            for one in (func.min, func.max)
        )
    )
)
_FIRST_OF = PreparedStatement(_WAITING.where(jobs.c.kind == bindparam("kind"), ~_HAS_SHARE))
_COUNT_PLACED = PreparedStatement(
    select(func.count())
    .select_from(jobs)
    .where(jobs.c.kind == bindparam("kind"), or_(*[jobs.c.status == one for one in sorted(ACTIVE)]), _HAS_SHARE)
)
_COUNT_ACTIVE = select(func.count()).select_from(jobs).where(jobs.c.kind == bindparam("kind"), _ACTIVE)
_STOPPED = _WITHOUT_HOSTS.where(_ACTIVE, jobs.c.desired == DesiredState.STOP.value)
_WITH_HOSTS = _JOBS.where(_ACTIVE, _HAS_HOSTS).order_by(*_OLDEST_FIRST).limit(bindparam("how_many"))
_COUNT_BY_HOSTS = select(
    select(func.count()).select_from(jobs).where(_ACTIVE, _HAS_HOSTS).scalar_subquery(),
    select(func.count()).select_from(jobs).where(_ACTIVE).scalar_subquery(),
)
_RUNNING_SPOT = _JOBS.where(_ACTIVE, _HAS_HOSTS, jobs.c.spot == 1).order_by(jobs.c.created_ms.desc(), jobs.c.id)
_INTERRUPT = (
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"), jobs.c.desired == DesiredState.RUN.value, _ACTIVE, _HAS_HOSTS)
    .values(desired=DesiredState.INTERRUPT.value)
)
_TAKE = update(jobs).where(
    jobs.c.id == bindparam("job_id"),
    jobs.c.status == Status.IN_PROGRESS.value,
    jobs.c.desired != DesiredState.STOP.value,
    ~_HAS_HOSTS,
    _OURS,
)
_RENEW = update(jobs).where(
    jobs.c.lease_owner == bindparam("server"), _ACTIVE, jobs.c.lease_until_ms > bindparam("now")
)
_CLAIM = update(jobs).where(
    jobs.c.id == bindparam("job_id"),
    _OURS,
)


@dataclass(frozen=True)
class Lease:
    """The right of one server, by its name, to advance a job until a time."""

    owner: str
    until_ms: int


def placed(store: Database, owner: str) -> list[tuple[str, str]]:
    """Returns kinds and ids of unfinished jobs that have hosts, or a share of the machines for some, oldest first; without those
    that a server other than `owner` advances."""
    with store.read() as connection:
        return [(row[0], row[1]) for row in connection.execute(_PLACED, {"server": owner, "now": now_ms()})]


def queued(store: Database, limit: int, *, spot: bool, apart: Sequence[str] = ()) -> list[Job]:
    """Returns at most `limit` jobs that wait for hosts, oldest first: spot jobs or the others. `apart`: kinds that bypass the
    queue."""
    with store.read() as connection:
        return [Job(*row) for row in _queued(spot, tuple(apart)).all(connection, {"how_many": limit})]


@lru_cache(16)
def _queued(spot: bool, apart: tuple[str, ...]) -> PreparedStatement:
    others = [jobs.c.kind != kind for kind in apart]
    return PreparedStatement(_WAITING.where(*others, jobs.c.spot == int(spot)))


def placed_later(store: Database, job: Job) -> set[str]:
    """Returns unfinished jobs that have CPUs and have passed `job`: spot jobs, jobs created later, and jobs of other owners that
    got their share since it was created."""
    values = {"created_ms": job.created_ms, "id": job.id, "owner": job.owner}
    with store.read() as connection:
        return {row[0] for row in connection.execute(_PLACED_LATER, values)}


def owners(store: Database) -> list[str]:
    """Returns whose jobs are in progress; their number is that of the steps in an index."""
    with store.read() as connection:
        return [row[0] for row in _OWNERS.all(connection, {})]


def has_ranks(store: Database, owner: str) -> bool:
    """True if a job in progress of this owner has a priority."""
    with store.read() as connection:
        row = _RANKS.first(connection, {"owner": owner})
    return row is not None and any(row)


def line_of(
    store: Database, owner: str, after: Job | None, limit: int, *, spot: bool, apart: Sequence[str] = ()
) -> list[Job]:
    """Returns at most `limit` jobs of an owner that wait for hosts, by rank and age, behind the job `after`."""
    at = (after.rank, after.created_ms, after.id) if after else (-(1 << 31), 0, "")
    position = dict(zip(("after_rank", "after_created_ms", "after_id"), at, strict=True))
    with store.read() as connection:
        rows = _line(spot, tuple(apart)).all(connection, {"owner": owner, "how_many": limit, **position})
    return [Job(*row) for row in rows]


@lru_cache(16)
def _line(spot: bool, apart: tuple[str, ...]) -> PreparedStatement:
    others = [jobs.c.kind != kind for kind in apart]
    return PreparedStatement(_OF_OWNER.where(*others, jobs.c.spot == int(spot)))


def first_of(store: Database, kind: str, limit: int) -> list[Job]:
    """Returns at most `limit` jobs of a kind that wait for hosts and have no resources, oldest first."""
    with store.read() as connection:
        return [Job(*row) for row in _FIRST_OF.all(connection, {"how_many": limit, "kind": kind})]


def count_placed(store: Database, kind: str) -> int:
    """Returns how many jobs of a kind have a share of the machines."""
    with store.read() as connection:
        row = _COUNT_PLACED.first(connection, {"kind": kind})
    return int(row[0]) if row else 0


def count_active(store: Database, kind: str) -> int:
    """Returns how many jobs of a kind are not over."""
    with store.read() as connection:
        return int(connection.execute(_COUNT_ACTIVE, {"kind": kind}).scalar() or 0)


def stopped_in_queue(store: Database, limit: int) -> list[Job]:
    """Returns at most `limit` jobs without hosts that should stop."""
    with store.read() as connection:
        return [Job(*row) for row in connection.execute(_STOPPED, {"how_many": limit})]


def with_hosts(store: Database, limit: int) -> list[Job]:
    """Returns at most `limit` unfinished jobs that have hosts, oldest first."""
    with store.read() as connection:
        return [Job(*row) for row in connection.execute(_WITH_HOSTS, {"how_many": limit})]


def count_by_hosts(store: Database) -> tuple[int, int]:
    """Returns how many unfinished jobs have hosts, and how many unfinished jobs there are."""
    with store.read() as connection:
        having, active = connection.execute(_COUNT_BY_HOSTS).one()
    return int(having), int(active)


def running_spot(store: Database) -> list[Job]:
    """Returns spot jobs that have hosts, newest first."""
    with store.read() as connection:
        return [Job(*row) for row in connection.execute(_RUNNING_SPOT, {})]


def ask_interrupt(store: Database, job_id: str) -> bool:
    """Requests the interruption of a running job; returns False if it has no hosts, or is already being stopped or interrupted."""
    with store.write() as connection:
        changes(connection, job_id)
        return bool(connection.execute(_INTERRUPT, {"job_id": job_id}).rowcount)


def claim(store: Database, job_id: str, lease: Lease) -> bool:
    """Acquires or renews the right to reconcile a job; returns False if another server has it."""
    with store.write() as connection:
        return bool(connection.execute(_CLAIM, {"job_id": job_id, **_written(lease)}).rowcount)


def take_in(connection: Connection, job_id: str, lease: Lease) -> bool:
    """Claims a job that waits for hosts, inside the caller's transaction; returns False if it no longer waits, or another server
    has it."""
    return bool(connection.execute(_TAKE, {"job_id": job_id, **_written(lease)}).rowcount)


def renew(store: Database, lease: Lease) -> None:
    """Renews all leases of the owner."""
    with store.write() as connection:
        connection.execute(_RENEW, _written(lease))


def _written(lease: Lease) -> dict[str, Any]:
    return {"server": lease.owner, "now": now_ms(), "lease_owner": lease.owner, "lease_until_ms": lease.until_ms}


def count_before(store: Database, job: Job, apart: Sequence[str], *, spot: bool, own: bool) -> int:
    """Returns how many jobs wait for hosts before this one, up to MOST_COUNTED: earlier ones; before a spot job, also all jobs
    that are not spot jobs. `apart`: kinds that bypass the queue; `own`: count only those of its owner."""
    earlier = tuple_(*_BY_RANK) < tuple_(job.rank, job.created_ms, job.id)
    mine = [jobs.c.owner == job.owner] if own else []
    waiting = (
        select(jobs.c.id)
        .where(
            *mine,
            jobs.c.status == Status.IN_PROGRESS.value,
            jobs.c.desired != DesiredState.STOP.value,
            jobs.c.kind.not_in(list(apart)),
            ~_HAS_HOSTS,
            or_(jobs.c.spot == 0, earlier) if spot else and_(jobs.c.spot == 0, earlier),
        )
        .limit(MOST_COUNTED)
    )
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(waiting.subquery())).scalar() or 0)
