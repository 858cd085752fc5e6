"""Who waits for hosts, who has them, and who may bring a job forward."""

from __future__ import annotations

from typing import Any

from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.store.database import Database
from sagewright.store.jobs import hosts, jobs, queue
from sagewright.store.jobs.jobs import DesiredState, Event, JobDraft, ResourceScope
from sagewright.store.jobs.queue import Lease

SCOPE = ResourceScope("training", "000000000000", "us-east-1")
KIND = "training"
S = SecondaryStatus


def make(database: Database, name: str, **request: Any) -> jobs.Job:
    spot = bool(request.get("EnableManagedSpotTraining"))
    return jobs.create(database, SCOPE, JobDraft(name, {"TrainingJobName": name, **request}, spot=spot))


def place(database: Database, job: jobs.Job, attempt: int = 1) -> None:
    host = {"id": f"{job.name}-{attempt}", "job_id": job.id, "attempt": attempt, "name": "algo-1"}
    hosts.create(database, [{**host, "token_hash": "", "log_stream": "stream"}])


def names(found: list[jobs.Job]) -> list[str]:
    return [job.name for job in found]


def test_queues(database: Database) -> None:
    stopped, ended, placed = (make(database, name) for name in ("stopped", "ended", "placed"))
    make(database, "waiting")
    make(database, "spot", EnableManagedSpotTraining=True)
    make(database, "no-spot", EnableManagedSpotTraining=False)
    jobs.set_desired(database, stopped.id, DesiredState.STOP)
    jobs.move(database, ended.id, Event(S.FAILED, ended=True))
    place(database, placed)
    assert queue.placed(database, "server") == [("training", placed.id)]
    assert names(queue.stopped_in_queue(database, 9)) == ["stopped"]
    assert sorted(names(queue.queued(database, 9, spot=False))) == ["no-spot", "waiting"]
    assert len(queue.queued(database, 1, spot=False)) == 1
    assert names(queue.queued(database, 9, spot=True)) == ["spot"]
    assert queue.running_spot(database) == []


def test_leases(database: Database) -> None:
    job = make(database, "one")
    later = job.created_ms + 3_600_000
    assert queue.claim(database, job.id, Lease("server-1", later))
    assert queue.claim(database, job.id, Lease("server-1", later))
    assert not queue.claim(database, job.id, Lease("server-2", later))


def test_only_a_job_with_hosts_is_interrupted_and_a_stop_goes_first(database: Database) -> None:
    job = make(database, "spot", EnableManagedSpotTraining=True)
    assert not queue.ask_interrupt(database, job.id)
    place(database, job)
    assert names(queue.running_spot(database)) == ["spot"]
    assert queue.ask_interrupt(database, job.id)
    assert not queue.ask_interrupt(database, job.id)
    found = jobs.get(database, job.id)
    assert found
    assert found.desired == DesiredState.INTERRUPT
    jobs.set_desired(database, job.id, DesiredState.STOP)
    assert not queue.ask_interrupt(database, job.id)
    found = jobs.get(database, job.id)
    assert found
    assert found.desired == DesiredState.STOP


def test_retired_hosts_leave_the_job_in_the_queue(database: Database) -> None:
    job = make(database, "spot", EnableManagedSpotTraining=True)
    place(database, job)
    with database.write() as connection:
        hosts.retire(connection, job.id)
    assert hosts.of_job(database, job.id) == []
    assert names(queue.queued(database, 9, spot=True)) == ["spot"]
    place(database, job, attempt=2)
    assert [host.attempt for host in hosts.of_job(database, job.id)] == [2]
    assert [host.attempt for host in hosts.of_all_attempts(database, job.id)] == [1, 2]
    assert queue.queued(database, 9, spot=True) == []
