"""Whether a job whose hosts are over is tried again, and its way back into the queue."""

from __future__ import annotations

from sagewright.engine import outcome
from sagewright.engine.outcome import Outcome
from sagewright.model.states import TRAINING_MOVES, SecondaryStatus
from sagewright.store import hosts, identity, jobs
from sagewright.store.database import Database
from sagewright.store.hosts import Host
from sagewright.store.jobs import Event, Job, Wanted

MAX_LOSSES = 5
"""A spot job whose agents vanish is interrupted; one that loses them so often has another fault."""


def again(job: Job, placed: list[Host], result: Outcome, overdue: bool) -> Event | None:
    """The event with which a job that would end with `result` goes back into the queue; None when it ends."""
    if job.wanted == Wanted.STOP or overdue or not placed:
        return None
    if job.wanted == Wanted.INTERRUPT and outcome.interrupted(placed):
        return Event(SecondaryStatus.INTERRUPTED, "Training job was interrupted")
    if not result.internal:
        return None
    attempts = placed[0].attempt
    if job.request.get("EnableManagedSpotTraining") and attempts <= MAX_LOSSES:
        return Event(SecondaryStatus.INTERRUPTED, f"Training job was interrupted: {result.failure_reason}"[:1024])
    retries: int = (job.request.get("RetryStrategy") or {}).get("MaximumRetryAttempts", 0)
    if attempts <= retries:
        return Event(SecondaryStatus.RESTARTING, f"Restarting the training job: {result.failure_reason}"[:1024])
    return None


def requeue(store: Database, job_id: str, event: Event) -> bool:
    """End the attempt: the job has no hosts and no credentials, and waits. False when it may not go there."""
    with store.write() as connection:
        if jobs.move_in(connection, job_id, event, TRAINING_MOVES) is None:
            return False
        hosts.retire(connection, job_id)
        identity.delete_job_keys(connection, job_id)
        jobs.want_in(connection, job_id, Wanted.RUN)
    return True


def forget(store: Database, job_id: str) -> None:
    """Undo an attempt of which no host can have been started: the job waits as if it had never left the queue."""
    with store.write() as connection:
        hosts.forget(connection, job_id)
        identity.delete_job_keys(connection, job_id)
