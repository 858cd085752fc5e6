"""Retries: decides whether a job whose hosts are over is tried again, and puts it back into the queue."""

from __future__ import annotations

from sagewright.engine.jobs import outcome
from sagewright.engine.jobs.outcome import Outcome
from sagewright.kinds.base import Demand
from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.store import identity
from sagewright.store.database import Database
from sagewright.store.jobs import hosts, jobs
from sagewright.store.jobs.hosts import Host
from sagewright.store.jobs.jobs import DesiredState, Event, Job

MAX_LOSSES = 5
"""A spot job whose agents vanish counts as interrupted; after this many losses it has another fault."""


def again(job: Job, demand: Demand, placed: list[Host], result: Outcome) -> Event | None:
    """Returns the event with which a job that would end with `result` goes back into the queue; None if it ends."""
    if job.desired == DesiredState.STOP or not placed:
        return None
    if job.desired == DesiredState.INTERRUPT and outcome.interrupted(placed):
        return Event(SecondaryStatus.INTERRUPTED)
    if not result.internal:
        return None
    attempts = placed[0].attempt
    if demand.spot and attempts <= MAX_LOSSES:
        return Event(SecondaryStatus.INTERRUPTED, _because(job, SecondaryStatus.INTERRUPTED, result))
    return (
        Event(SecondaryStatus.RESTARTING, _because(job, SecondaryStatus.RESTARTING, result))
        if attempts <= demand.retries
        else None
    )


def _because(job: Job, step: SecondaryStatus, result: Outcome) -> str:
    return f"{job.state_machine.message(step)}: {result.failure_reason}"[:1024]


def requeue(store: Database, job_id: str, event: Event) -> bool:
    """Ends the attempt: the job has no hosts and no credentials, and waits. Returns False if the move is not allowed."""
    with store.write() as connection:
        if jobs.move_in(connection, job_id, event) is None:
            return False
        hosts.retire(connection, job_id)
        identity.delete_job_keys(connection, [job_id])
        jobs.set_desired_in(connection, job_id, DesiredState.RUN)
    return True


def forget(store: Database, job_id: str) -> None:
    """Undoes an attempt of which no host can have been started: the job waits as if it had never left the queue."""
    with store.write() as connection:
        hosts.forget(connection, job_id)
        identity.delete_job_keys(connection, [job_id])
