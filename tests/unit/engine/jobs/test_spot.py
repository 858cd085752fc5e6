from __future__ import annotations

from sagewright.compute.capacity import Machines
from sagewright.engine.jobs import spot
from sagewright.engine.jobs.reservations import Reservations
from sagewright.model.aws.instance_types import Resources
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import Job

SMALL, LARGE = "ml.m5.large", "ml.m5.xlarge"  # 2 and 4 CPUs


def job(name: str, desired: str = "run", secondary: str = "Training") -> Job:
    request = {"EnableManagedSpotTraining": True}
    return Job(name, "training", "0", "r", name, 0, request, desired, "InProgress", secondary, 0, 0, None, None, None)


def held(database: Database, *names: str) -> Reservations:
    """A machine of 6 CPUs on which each of the jobs holds 2."""
    reservations = Reservations(database, Machines(lambda: [Resources(6, 100, 0)]), "here")
    for name in names:
        reservations.force(name, reservations.share_of(SMALL, 1), [])
    return reservations


def test_no_more_jobs_go_than_have_to_and_the_first_of_the_list_first(database: Database) -> None:
    reservations, running = held(database, "a", "b", "c"), [job("c"), job("b"), job("a")]
    one = spot.make_room(reservations, reservations.share_of(SMALL, 1), running)
    assert (one.found, [victim.id for victim in one.jobs]) == (True, ["c"])
    two = spot.make_room(reservations, reservations.share_of(LARGE, 1), running)
    assert (two.found, [victim.id for victim in two.jobs]) == (True, ["c", "b"])


def test_nobody_goes_in_vain(database: Database) -> None:
    reservations = held(database, "a", "b", "on-demand")
    room = spot.make_room(reservations, reservations.share_of("ml.m5.2xlarge", 1), [job("a"), job("b")])
    assert (room.found, room.jobs) == (False, [])


def test_who_goes_already_counts_and_who_uploads_stays(database: Database) -> None:
    reservations = held(database, "a", "b", "c")
    desired = reservations.share_of(SMALL, 1)
    going = spot.make_room(reservations, desired, [job("c"), job("a", desired="interrupt")])
    assert (going.found, going.jobs) == (True, [])
    uploading = spot.make_room(reservations, desired, [job("c", secondary="Uploading"), job("b")])
    assert [victim.id for victim in uploading.jobs] == ["b"]
