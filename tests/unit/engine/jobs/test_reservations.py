"""Shares of the machines, in the store."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sagewright.compute.capacity import Machines
from sagewright.engine.jobs.reservations import Reservations, Taken
from sagewright.model.aws.instance_types import Resources
from sagewright.model.clock import now_ms
from sagewright.store.database import Database
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import DesiredState, JobDraft, ResourceScope
from sagewright.store.jobs.queue import Lease

SCOPE = ResourceScope("training", "000000000000", "us-east-1")
Reserve = Callable[..., Taken]


def lease(owner: str = "server") -> Lease:
    return Lease(owner, now_ms() + 60_000)


class Jobs:
    """Queued jobs by name, and what they try to reserve."""

    def __init__(self, store: Database, *machine: Resources, name: str = "here") -> None:
        self.store = store
        self.held = Reservations(store, Machines(lambda: list(machine)), name)

    def id_of(self, name: str) -> str:
        found = jobs.find(self.store, SCOPE, name)
        return found.id if found else jobs.create(self.store, SCOPE, JobDraft(name, {})).id

    def reserve(self, name: str, instance_type: str, count: int = 1, owner: str = "server") -> Taken:
        return self.held.try_reserve(self.id_of(name), self.held.share_of(instance_type, count), lease(owner))


def test_reservations_never_exceed_the_machine(database: Database) -> None:
    some = Jobs(database, Resources(4, 16, 1))
    assert some.reserve("a", "ml.m5.large") is Taken.OURS
    assert some.reserve("a", "ml.m5.large") is Taken.OURS  # asking again takes nothing more
    assert some.reserve("b", "ml.m5.large") is Taken.OURS
    assert some.reserve("c", "ml.m5.large") is Taken.NO_ROOM
    assert some.reserve("d", "ml.g4dn.xlarge") is Taken.NO_ROOM
    for _ in range(2):
        some.held.release(some.id_of("a"))
    assert some.reserve("c", "ml.m5.large") is Taken.OURS


def test_servers_of_one_machine_share_it_and_no_job_is_both_theirs(database: Database) -> None:
    one, other = (Jobs(database, Resources(4, 16, 0)) for _ in range(2))
    assert one.reserve("a", "ml.m5.large", owner="one") is Taken.OURS
    assert other.reserve("a", "ml.m5.large", owner="other") is Taken.ANOTHERS
    assert other.reserve("b", "ml.m5.large", owner="other") is Taken.OURS
    assert other.reserve("c", "ml.m5.large", owner="other") is Taken.NO_ROOM
    elsewhere = Jobs(database, Resources(4, 16, 0), name="there")
    assert elsewhere.reserve("c", "ml.m5.large", owner="elsewhere") is Taken.OURS
    assert elsewhere.held.machine_of(one.id_of("a")) == "here"


@pytest.mark.parametrize("over", [True, False])
def test_a_job_that_is_to_stop_takes_nothing(database: Database, over: bool) -> None:
    some = Jobs(database, Resources(4, 16, 0))
    if over:
        jobs.move(database, some.id_of("a"), jobs.Event("Failed", ended=True))
    else:
        jobs.set_desired(database, some.id_of("a"), DesiredState.STOP)
    assert some.reserve("a", "ml.m5.large") is Taken.ANOTHERS
    assert some.held.held() == []


def test_every_job_has_gpus_of_its_own(database: Database) -> None:
    some = Jobs(database, Resources(64, 256, 4))
    held = some.held
    one, two = held.share_of("ml.g4dn.xlarge", 1), held.share_of("ml.g4dn.xlarge", 2)
    held.force(some.id_of("ran"), one, [1])
    assert some.reserve("two", "ml.g4dn.xlarge", 2) is Taken.OURS
    assert some.reserve("last", "ml.g4dn.xlarge") is Taken.OURS
    numbered = held.numbered(some.id_of("two"), two)
    assert (numbered.gpus, numbered.gpus_of(0), numbered.gpus_of(1)) == ([0, 2], [0], [2])
    assert held.numbered(some.id_of("last"), one).gpus == [3]
    held.release(some.id_of("ran"))
    held.hand_over(some.id_of("last"), some.id_of("next"))
    assert held.numbered(some.id_of("next"), one).gpus == [3]
    assert some.reserve("again", "ml.g4dn.xlarge") is Taken.OURS
    assert held.numbered(some.id_of("again"), one).gpus == [1]


def test_a_machine_without_gpus_says_nothing_of_them(database: Database) -> None:
    some = Jobs(database, Resources(4, 16, 0))
    assert some.reserve("a", "ml.g4dn.xlarge") is Taken.OURS
    assert some.held.numbered(some.id_of("a"), some.held.share_of("ml.g4dn.xlarge", 1)).gpus_of(0) is None


def test_nothing_fits_where_no_machine_is(database: Database) -> None:
    assert Jobs(database).reserve("a", "ml.m5.large", 2) is Taken.NO_ROOM
    assert Jobs(database, Resources(4, 16, 0)).reserve("a", "ml.m5.large", 2) is Taken.OURS
