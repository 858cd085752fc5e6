"""The reconciler of training jobs: queue → hosts → outcome."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from sagewright.compute.backend import Backend, LaunchFailed
from sagewright.compute.capacity import Reservations
from sagewright.compute.capacity import Wanted as Share
from sagewright.engine import outcome, placement
from sagewright.engine.outcome import Outcome
from sagewright.model.clock import now_ms
from sagewright.model.settings import Settings
from sagewright.model.states import TRAINING_MOVES, SecondaryStatus, TrainingStatus
from sagewright.runtimes.launch import CannotRun
from sagewright.store import hosts, identity, jobs
from sagewright.store.database import Database
from sagewright.store.hosts import Host
from sagewright.store.jobs import Event, Job, Wanted

log = logging.getLogger("sagewright.engine.training")
KIND = "training"
LEASE_MS = 30_000
STOPPED_AT_ONCE = 1000  # how many of the queued jobs that were stopped one sweep looks at
BATCH = 8  # how many queued jobs are read at a time

STOPPING = Event(SecondaryStatus.STOPPING, "Stopping the training job")


@dataclass(frozen=True)
class Machinery:
    """What the reconciler works with. `endpoint()` is where agents reach this server."""

    settings: Settings
    store: Database
    backend: Backend
    reservations: Reservations
    endpoint: placement.Endpoint


class TrainingReconciler:
    """See engine.control.Reconciler for the guarantees."""

    def __init__(self, machinery: Machinery, owner: str) -> None:
        self._m, self._owner = machinery, owner
        self._leases: dict[str, int] = {}

    def recover(self) -> None:
        for job_id in jobs.placed_ids(self._m.store, KIND):
            job = jobs.get(self._m.store, job_id)
            if job:
                self._m.reservations.force(job_id, placement.wanted(self._m.reservations, job.request))

    def active(self) -> list[str]:
        """Jobs with hosts, queued jobs that were stopped, and the head of the queue, which stands for all of it."""
        store = self._m.store
        waiting = [*jobs.queued(store, KIND, STOPPED_AT_ONCE, Wanted.STOP), *jobs.queued(store, KIND, 1, Wanted.RUN)]
        return [*jobs.placed_ids(store, KIND), *(job.id for job in waiting)]

    def reconcile(self, job_id: str) -> None:
        job = jobs.get(self._m.store, job_id)
        if job is None or job.kind != KIND or job.ended:
            return
        placed = hosts.of_job(self._m.store, job_id)
        if not placed and job.wanted == Wanted.RUN:
            self._start_queued()
        elif self._hold_lease(job_id):
            self._look_after(job, placed)
            self._conclude(job_id)

    def _start_queued(self) -> None:
        """First come, first served: a job that fits does not overtake an older one that does not fit yet."""
        seen: set[str] = set()
        more = True
        while more:
            batch = [job for job in jobs.queued(self._m.store, KIND, BATCH, Wanted.RUN) if job.id not in seen]
            more = len(batch) == BATCH
            for job in batch:
                seen.add(job.id)
                if not self._start_or_give_up(job):
                    return

    def _hold_lease(self, job_id: str) -> bool:
        now = now_ms()
        if self._leases.get(job_id, 0) - now > LEASE_MS // 2:
            return True
        if not jobs.claim(self._m.store, job_id, self._owner, now + LEASE_MS):
            return False
        self._leases[job_id] = now + LEASE_MS
        return True

    def _start_or_give_up(self, job: Job) -> bool:
        """Whether the job has left the queue."""
        if placement.waited_too_long(job):
            self._move(job.id, STOPPING)
            self._end(job.id, [], Outcome(SecondaryStatus.MAX_WAIT_TIME_EXCEEDED, "Maximum wait time exceeded"))
            return True
        try:
            placement.check_image(job.request)
        except CannotRun as error:
            self._end(job.id, [], Outcome(SecondaryStatus.FAILED, "Training job failed", f"ClientError: {error}"))
            return True
        wanted = placement.wanted(self._m.reservations, job.request)
        if not self._m.reservations.try_reserve(job.id, wanted):
            return False
        if self._hold_lease(job.id):
            self._launch(job, wanted)
        else:
            self._m.reservations.release(job.id)
        return True

    def _launch(self, job: Job, wanted: Share) -> None:
        self._move(job.id, Event(SecondaryStatus.STARTING, "Preparing the instances for training"))
        gang = placement.plan(self._m.settings, self._m.store, job, wanted, self._m.endpoint())
        try:
            handles = self._m.backend.launch(gang.plans)
        except LaunchFailed as error:
            reason = f"InternalServerError: The hosts of the job could not be started: {error}"
            self._end(job.id, [], Outcome(SecondaryStatus.FAILED, "Training job failed", reason))
            return
        for host_id, handle in zip(gang.host_ids, handles, strict=True):
            hosts.set_handle(self._m.store, host_id, handle)

    def _look_after(self, job: Job, placed: list[Host]) -> None:
        if job.wanted == Wanted.STOP and job.status == TrainingStatus.IN_PROGRESS:
            self._move(job.id, STOPPING)
        stopping = job.wanted == Wanted.STOP or outcome.first_failure(placed) is not None
        for host in placed:
            if host.over:
                continue
            if not self._alive(host):
                self._lose(host)
            elif stopping and not host.exited and host.handle:
                self._m.backend.stop(host.handle)

    def _alive(self, host: Host) -> bool:
        if host.handle is None:  # the server ended between the row and the launch
            return now_ms() - host.seen_ms < self._m.settings.agent_timeout_s * 1000
        return self._m.backend.poll(host.handle)

    def _lose(self, host: Host) -> None:
        fresh = hosts.find(self._m.store, host.id)  # its last report may have come since
        if fresh is None or fresh.over:
            return
        log.warning("host %s of job %s vanished", host.name, host.job_id)
        text = f"InternalServerError: The agent of host {host.name} ended without a report (it was killed or crashed)."
        hosts.mark(self._m.store, host.id, {"phase": hosts.LOST, "failure": text})

    def _conclude(self, job_id: str) -> None:
        job, placed = jobs.get(self._m.store, job_id), hosts.of_job(self._m.store, job_id)
        if job is None or job.ended or not all(host.over for host in placed):
            return
        self._end(job_id, placed, outcome.of_job(job, placed))
        self._start_queued()

    def _end(self, job_id: str, placed: list[Host], result: Outcome) -> None:
        for host in placed:
            if host.handle:
                self._m.backend.kill(host.handle)
        event = Event(result.secondary, result.message, failure_reason=result.failure_reason, ended=True)
        with self._m.store.write() as connection:
            moved = jobs.move_in(connection, job_id, event, TRAINING_MOVES)
            identity.delete_job_keys(connection, job_id)
        _note_refusal(moved, job_id, event)
        self._m.reservations.release(job_id)
        self._leases.pop(job_id, None)
        _tidy(self._m.settings.data / "jobs" / job_id, keep_logs=result.internal)

    def _move(self, job_id: str, event: Event) -> None:
        _note_refusal(jobs.move(self._m.store, job_id, event, TRAINING_MOVES), job_id, event)


def _note_refusal(moved: Job | None, job_id: str, event: Event) -> None:
    if moved is None:
        log.warning("job %s may not go to %s from where it is", job_id, event.secondary)


def _tidy(directory: Path, keep_logs: bool) -> None:
    """Remove a job's working directory; after an internal error the agents' own logs stay."""
    if not keep_logs:
        shutil.rmtree(directory, ignore_errors=True)
        return
    for host_directory in directory.glob("*/*"):
        for entry in host_directory.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != "agent.log":
                entry.unlink(missing_ok=True)
