"""The use of instances and machines by jobs, counted from their rows: there is no counter that could go astray."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, case, func, or_, select, text

from sagewright.model.jobs.state_machines import ACTIVE, Status
from sagewright.model.quotas import OwnQuota
from sagewright.store.database import Database
from sagewright.store.jobs.hosts import RETIRED
from sagewright.store.schema.jobs import hosts, jobs
from sagewright.store.schema.reservations import reservations


@dataclass(frozen=True)
class InstanceClaim:
    """The instances of one endpoint, or of the unfinished jobs of an owner and role that claim the same. `id`: the endpoint's;
    `owner` and `role`: see store.jobs.jobs.JobClaim."""

    owner: str
    role: str
    instances: dict[str, int]
    id: str = ""

    def belongs_to(self, subject: str) -> bool:
        """True for the empty subject, the owner, and the role."""
        return subject in ("", self.owner, f"role/{self.role}")


@dataclass(frozen=True)
class SharesHeld:
    """Shares of the machines that the jobs of one owner and role hold together. `jobs`: those of kinds that queue."""

    owner: str
    role: str
    cpus: int
    memory_gb: int
    gpus: int
    disk_gb: int
    jobs: int

    def belongs_to(self, subject: str) -> bool:
        return subject in ("", self.owner, f"role/{self.role}")


@dataclass(frozen=True)
class JobCounts:
    """How many unfinished jobs of an owner and role have hosts, and how many have none yet."""

    owner: str
    role: str
    running: int
    waiting: int


_ACTIVE = jobs.c.status.in_(sorted(ACTIVE))
_SIMILAR = (
    select(jobs.c.owner, jobs.c.role, jobs.c.claims, func.count())
    .where(
        jobs.c.status.in_(sorted(ACTIVE)),
        jobs.c.account == bindparam("account"),
        jobs.c.spot == bindparam("spot"),
    )
    .group_by(jobs.c.owner, jobs.c.role, jobs.c.claims)
)
_ALL_CLAIMS = _SIMILAR.where(jobs.c.kind == bindparam("kind"))
_CLAIMS_OF_OWNER = _SIMILAR.where(
    jobs.c.owner == bindparam("owner"),
    jobs.c.kind.concat("") == bindparam("kind"),  # so that SQLite takes the index of owners
)
_HAS_HOSTS = select(hosts.c.id).where(hosts.c.job_id == jobs.c.id, hosts.c.phase != RETIRED).exists()
_QUEUED_ONCE = case((and_(_ACTIVE, reservations.c.cpus > 0), 1), else_=0)
_SHARES = (
    select(
        jobs.c.owner,
        jobs.c.role,
        func.sum(reservations.c.cpus),
        func.sum(reservations.c.memory_gb),
        func.sum(reservations.c.gpus),
        func.sum(jobs.c.volume_gb * _QUEUED_ONCE),
        func.sum(_QUEUED_ONCE),
    )
    .join(jobs, jobs.c.id == reservations.c.job_id)
    .group_by(jobs.c.owner, jobs.c.role)
)
_HELD = _SHARES.where(jobs.c.account == bindparam("account"), reservations.c.job_id != bindparam("but"))
_HELD_ON = _SHARES.where(reservations.c.machine == bindparam("machine"))
_COUNTS = (
    select(jobs.c.owner, jobs.c.role, _HAS_HOSTS.label("placed"), func.count())
    .where(or_(jobs.c.status == Status.IN_PROGRESS.value, jobs.c.status == Status.STOPPING.value))
    .where(jobs.c.account == bindparam("account"))
    .group_by(jobs.c.owner, jobs.c.role, "placed")
)
_EXCLUDE = text("SELECT pg_advisory_xact_lock(hashtext(:account), 36)")


def exclude(connection: Connection, account: str) -> None:
    """Blocks other checks of the account's limits until this transaction ends. (SQLite has one writer at a time.)"""
    if connection.dialect.name == "postgresql":
        connection.execute(_EXCLUDE, {"account": f"quotas/{account}"})


def claims_in(
    connection: Connection, account: str, kind: str, *, spot: bool, owner: str | None = None
) -> list[InstanceClaim]:
    """Returns the claims of unfinished jobs of a kind: spot jobs or the others. `owner`: only that one's, which an index finds."""
    values = {"account": account, "kind": kind, "spot": int(spot)}
    if owner is None:
        rows = connection.execute(_ALL_CLAIMS, values)
    else:
        rows = connection.execute(_CLAIMS_OF_OWNER, {**values, "owner": owner})
    return [InstanceClaim(row[0], row[1], _read(row[2], row[3])) for row in rows]


def claims_of(store: Database, account: str, kind: str, *, spot: bool) -> list[InstanceClaim]:
    with store.read() as connection:
        return claims_in(connection, account, kind, spot=spot)


def _read(claims: str, jobs_alike: int) -> dict[str, int]:
    pairs = (one.partition("=") for one in claims.split(",") if one)
    return {name: int(count) * jobs_alike for name, _, count in pairs}


def held_in(connection: Connection, account: str, but: str = "") -> list[SharesHeld]:
    """Returns what jobs hold of the machines, by owner and role. `but`: the id of a job that is not counted."""
    rows = connection.execute(_HELD, {"account": account, "but": but})
    return [SharesHeld(row[0], row[1], *(int(one) for one in row[2:])) for row in rows]


def held(store: Database, account: str) -> list[SharesHeld]:
    with store.read() as connection:
        return held_in(connection, account)


def held_on(store: Database, machine: str) -> list[SharesHeld]:
    """Returns what jobs hold of one pool of machines, by owner and role."""
    with store.read() as connection:
        rows = connection.execute(_HELD_ON, {"machine": machine})
        return [SharesHeld(row[0], row[1], *(int(one) for one in row[2:])) for row in rows]


def held_amount(shares: SharesHeld, quota: OwnQuota) -> int:
    """Returns how much of one of the queue's quotas these shares are."""
    by_quota = {
        OwnQuota.JOBS: shares.jobs,
        OwnQuota.CPUS: shares.cpus,
        OwnQuota.MEMORY: shares.memory_gb,
        OwnQuota.GPUS: shares.gpus,
        OwnQuota.DISK: shares.disk_gb,
    }
    return by_quota.get(quota, 0)


def counts(store: Database, account: str) -> list[JobCounts]:
    """Returns the numbers of unfinished jobs by owner and role."""
    found: dict[tuple[str, str], list[int]] = {}
    with store.read() as connection:
        for owner, role, placed, count in connection.execute(_COUNTS, {"account": account}):
            found.setdefault((owner, role), [0, 0])[0 if placed else 1] += count
    return [JobCounts(owner, role, *numbers) for (owner, role), numbers in sorted(found.items())]
