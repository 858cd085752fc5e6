"""The end of a job, or of one of its attempts: kills hosts, moves the status, releases the share, removes directories."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from sagewright.compute.backend import BackendUnreachable
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.described_endpoints import TEMPORARY
from sagewright.engine.jobs import launch_plan, outcome, retries
from sagewright.engine.jobs.compute import JobCompute
from sagewright.engine.jobs.directories import Trash
from sagewright.engine.jobs.leases import Leases
from sagewright.engine.jobs.outcome import Outcome
from sagewright.engine.jobs.warmpools import WarmPools
from sagewright.model.jobs.state_machines import PROCESSING
from sagewright.runtimes.images import resolve_image
from sagewright.store import identity
from sagewright.store.jobs import hosts, jobs, reservations, warmpools
from sagewright.store.jobs.hosts import Host
from sagewright.store.jobs.jobs import Event, Job

log = logging.getLogger("sagewright.engine.jobs.teardown")


class Teardown:
    """Ends jobs and attempts. Safe to use from many threads for different jobs."""

    def __init__(self, dependencies: Dependencies, compute: JobCompute, leases: Leases, pools: WarmPools) -> None:
        self._dependencies, self._compute, self._leases, self._pools = dependencies, compute, leases, pools
        self._trash = Trash(dependencies.settings.data / "jobs")

    def recover(self) -> None:
        """Removes the directories of jobs that are over, which another server may have ended."""
        self._trash.sweep()
        for directory in (self._dependencies.settings.data / "jobs").glob("[!.]*"):
            job = jobs.get(self._dependencies.store, directory.name)
            if job is None or job.ended:
                self._tidy(directory, keep_logs=job is not None and outcome.is_internal(job.failure_reason))

    def end(self, job: Job, placed: list[Host], result: Outcome) -> bool:
        """Ends the job for good. A job that is already over is left unchanged. Returns True if its owner was woken.

        An agent that has finished leaves nothing and ends by itself: the job's end, and its owner's next step, don't wait for that.
        """
        alone = len(placed) == 1 and placed[0].phase == hosts.FINISHED
        if not alone:
            self._kill_all(placed)
        pooled = self._pools.has(job.id)
        with self._dependencies.store.write() as connection:
            self._end_in(connection, job, placed, result)
            identity.delete_job_keys(connection, [job.id])
            if not pooled:
                reservations.remove(connection, job.id)
        owner = launch_plan.kind_of(job).owner(job.request) if alone else None
        if owner is not None:
            self._dependencies.wake(*owner)
        if alone:
            self._kill_all(placed)
        self._leave(job, placed, result, pooled)
        return owner is not None

    def end_queued(self, ended: Sequence[tuple[Job, Outcome]]) -> None:
        """`end` for jobs without hosts, in one transaction: a commit takes as long as the changes of a job. No owner is woken."""
        # Servers that end the same jobs wait for each other in one order.
        ended = sorted(ended, key=lambda one: one[0].id)
        ids = [job.id for job, _ in ended]
        pooled = warmpools.of_jobs(self._dependencies.store, ids)
        with self._dependencies.store.write() as connection:
            for job, result in ended:
                self._end_in(connection, job, [], result)
            identity.delete_job_keys(connection, ids)
            reservations.remove_all(connection, [id_ for id_ in ids if id_ not in pooled])
        for job, result in ended:
            self._leave(job, [], result, job.id in pooled)

    def _end_in(self, connection: Connection, job: Job, placed: list[Host], result: Outcome) -> None:
        note = outcome.exit_message(launch_plan.kind_of(job), placed)
        event = Event(result.step, failure_reason=result.failure_reason, exit_message=note, ended=True)
        if jobs.move_in(connection, job.id, event) is None:
            log.warning("job %s cannot move to %s from its current step", job.id, event.step)

    def _leave(self, job: Job, placed: list[Host], result: Outcome, pooled: bool) -> None:
        """Releases what a job that has ended still holds. `pooled`: it has, or had, a warm pool."""
        if pooled and not self._pools.keep(job.id, bool(placed), result):
            self._compute.reservations.release(job.id)
        self._leases.drop(job.id)
        if job.kind == PROCESSING.kind:
            self._clean_up_after(job)
        self._tidy(self._dependencies.settings.data / "jobs" / job.id, keep_logs=result.internal)

    def _clean_up_after(self, job: Job) -> None:
        """Has temporary endpoints deleted now. Only Clarify's jobs make any."""
        kind = launch_plan.kind_of(job)
        if resolve_image(kind.demand(job.request).image).framework == "clarify":
            self._dependencies.wake(TEMPORARY, kind.arn(job.region, job.account, job.name))

    def requeue(self, job: Job, placed: list[Host], event: Event) -> bool:
        """Ends the attempt; the job waits again. Returns False if that is not allowed."""
        self._kill_all(placed)
        if not retries.requeue(self._dependencies.store, job.id, event):
            return False
        self._compute.reservations.release(job.id)
        self._tidy(
            launch_plan.attempt_directory(self._dependencies.settings, job.id, placed[0].attempt), keep_logs=False
        )
        return True

    def forget(self, job: Job, placed: list[Host]) -> None:
        """Discards an attempt of which no host can have been started; it does not count."""
        retries.forget(self._dependencies.store, job.id)
        self._compute.reservations.release(job.id)
        self._tidy(
            launch_plan.attempt_directory(self._dependencies.settings, job.id, placed[0].attempt), keep_logs=False
        )

    def _kill_all(self, placed: list[Host]) -> None:
        for host in placed:
            if host.handle:
                try:
                    self._compute.backend.kill(host.handle)
                except (
                    BackendUnreachable
                ) as error:  # its agent ends by itself: its reports are answered that the job is no longer its own
                    log.warning("host %s of job %s may run on for a while: %s", host.name, host.job_id, error)

    def _tidy(self, directory: Path, keep_logs: bool) -> None:
        """Removes a job's working directory; after an internal error the agents' own logs are kept."""
        if not keep_logs:
            self._trash.throw(directory)
            return
        for host_directory in directory.glob("*/*"):
            if not host_directory.is_dir():  # files that a host handed over for the first host to merge
                host_directory.unlink(missing_ok=True)
                continue
            for entry in host_directory.iterdir():
                if entry.name != "agent.log":
                    self._trash.throw(entry)
