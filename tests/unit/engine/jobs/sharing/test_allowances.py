"""The limits that hold jobs in the queue: exact while two servers decide at once, and said in one sentence."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from sagewright.compute.capacity import JobShare, Machines
from sagewright.engine.jobs.queue import JobAdmission
from sagewright.engine.jobs.reservations import Reservations, Taken
from sagewright.engine.jobs.sharing.allowances import Allowances
from sagewright.model.aws.instance_types import Resources
from sagewright.store import quotas
from sagewright.store.database import Database
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import Job, JobClaim, JobDraft, ResourceScope
from sagewright.store.jobs.queue import Lease

SCOPE = ResourceScope("training", "000000000000", "us-east-1")
ROOM = Machines(lambda: [Resources(100, 400, 8)])
MOST, AT_ONCE = 5, 20


def created(store: Database, name: str, owner: str = "user/ann", role: str = "r") -> Job:
    return jobs.create(store, SCOPE, JobDraft(name, {}, claim=JobClaim(owner, role, {}, volume_gb=10)))


def share(cpus: int = 2, memory_gb: float = 4, gpus: int = 0) -> JobShare:
    return JobShare(Resources(cpus, memory_gb, gpus), Resources(cpus, memory_gb, gpus))


def reserve(reservations: Reservations, job: Job, needs: JobShare | None = None) -> Taken:
    needs = needs or share()
    admission = JobAdmission(job, needs, Allowances(reservations.store, SCOPE.account), None)
    return reservations.try_reserve(job.id, needs, Lease("server", 1 << 50), admission)


def test_two_servers_with_machines_of_their_own_exceed_no_limit(database: Database) -> None:
    """The machines' own locks don't exclude each other."""
    quotas.set_limit(database, SCOPE.account, "user/ann", "SW-JOBS", MOST)
    servers = [Reservations(database, ROOM, name) for name in ("one", "two")]
    made = [created(database, f"j{number}") for number in range(AT_ONCE)]
    with ThreadPoolExecutor(10) as pool:
        taken = list(pool.map(lambda n: reserve(servers[n % 2], made[n]), range(AT_ONCE)))
    assert Counter(taken) == {Taken.OURS: MOST, Taken.HELD: AT_ONCE - MOST}
    held = [one for one, how in zip(made, taken, strict=True) if how is Taken.HELD]
    servers[0].release(made[taken.index(Taken.OURS)].id)
    assert [reserve(servers[0], one) for one in held[:2]] == [Taken.OURS, Taken.HELD]


@pytest.mark.parametrize(
    ("subject", "quota", "most", "said"),
    [
        ("", "SW-CPUS", 3, "the limit of the account is 3 CPUs, of which 2 are in use, and this job needs 2"),
        (
            "user/ann",
            "SW-MEMORY",
            7,
            "the limit of user ann is 7 GiB of memory, of which 4 are in use, and this job needs 4",
        ),
        (
            "role/r",
            "SW-DISK",
            15,
            "the limit of role r is 15 GiB of disk, of which 10 are in use, and this job needs 10",
        ),
        ("user/ann", "SW-JOBS", 1, "the limit of user ann is 1 jobs running at once, of which 1 are in use"),
        (
            "user/ann",
            "SW-CPUS",
            1,
            "the limit of user ann is 1 CPUs, and this job needs 2: it can't start before the limit is raised",
        ),
        ("user/bob", "SW-CPUS", 0, ""),
        ("user/ann", "SW-GPUS", 0, ""),
        ("user/ann", "SW-CPUS", 4, ""),
    ],
)
def test_what_holds_a_job_is_said(database: Database, subject: str, quota: str, most: float, said: str) -> None:
    reservations = Reservations(database, ROOM, "one")
    assert reserve(reservations, created(database, "first")) is Taken.OURS
    quotas.set_limit(database, SCOPE.account, subject, quota, most)
    second = created(database, "second")
    assert Allowances(database, SCOPE.account).reason(second, share()) == said
    assert reserve(reservations, second) is (Taken.HELD if said else Taken.OURS)


def test_what_does_not_queue_uses_gpus_alone(database: Database) -> None:
    """As an instance of an endpoint, whose share has no CPUs and memory."""
    for quota in ("SW-CPUS", "SW-JOBS", "SW-MEMORY", "SW-DISK"):
        quotas.set_limit(database, SCOPE.account, "", quota, 0)
    reservations, idle = Reservations(database, ROOM, "one"), share(0, 0, 1)
    assert reserve(reservations, created(database, "a"), idle) is Taken.OURS
    quotas.set_limit(database, SCOPE.account, "user/ann", "SW-GPUS", 1)
    assert reserve(reservations, created(database, "b"), idle) is Taken.HELD
    assert reserve(reservations, created(database, "c", "user/bob"), idle) is Taken.OURS
