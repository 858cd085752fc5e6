"""The reconciler of jobs of every kind: queue → hosts → outcome."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sagewright.compute.backend import Backend, HostPlan, LaunchFailed, Unreachable
from sagewright.compute.capacity import Reservations, Share
from sagewright.engine import attempts, gangs, outcome, spot
from sagewright.engine.gangs import Place, demand_of, kind_of
from sagewright.engine.outcome import Outcome
from sagewright.engine.times import running_since_ms
from sagewright.engine.trash import Trash
from sagewright.engine.warmpools import WarmPools
from sagewright.kinds.base import Demand
from sagewright.model.brief import FaultClass
from sagewright.model.clock import now_ms
from sagewright.model.lives import Status, Step
from sagewright.model.settings import Settings
from sagewright.runtimes.launch import CannotRun
from sagewright.store import hosts, identity, jobs, queue, warmpools
from sagewright.store.database import Database
from sagewright.store.hosts import Host
from sagewright.store.jobs import Event, Job, Wanted

log = logging.getLogger("sagewright.engine.runs")
LEASE_MS = 30_000
STOPPED_AT_ONCE = 1000  # how many of the queued jobs that were stopped one sweep looks at
IN_POOLS = 100  # how many queued jobs are looked at when a warm pool is available
BATCH = 8  # how many queued jobs are read at a time
QUEUES = (False, True)  # the jobs that are not spot jobs come first


@dataclass(frozen=True)
class Machinery:
    """What the reconciler works with."""

    place: Place
    backend: Backend
    reservations: Reservations

    @property
    def settings(self) -> Settings:
        return self.place.settings

    @property
    def store(self) -> Database:
        return self.place.store


class Runs:
    """See engine.control.Reconciler for the guarantees."""

    def __init__(self, machinery: Machinery, owner: str) -> None:
        self._m, self._owner = machinery, owner
        self._leases: dict[str, int] = {}
        self._pools = WarmPools(machinery.settings, machinery.store, machinery.reservations)
        self._trash = Trash(machinery.settings.data / "jobs")

    def recover(self) -> None:
        self._trash.sweep()
        for job_id in queue.placed_ids(self._m.store):
            job = jobs.get(self._m.store, job_id)
            if job:
                gpus = gangs.gpus_of(self._m.settings, hosts.of_job(self._m.store, job_id))
                self._m.reservations.force(job_id, gangs.share_of(self._m.reservations, demand_of(job)), gpus)

    def active(self) -> list[str]:
        """Jobs with hosts, queued jobs that were stopped, and the heads of the queues, which stand for all of them."""
        store = self._m.store
        waiting = [
            *queue.stopped_in_queue(store, STOPPED_AT_ONCE),
            *(job for last in QUEUES for job in queue.queued(store, 1, spot=last)),
        ]
        return [*queue.placed_ids(store), *(job.id for job in waiting)]

    def reconcile(self, job_id: str) -> None:
        job = jobs.get(self._m.store, job_id)
        if job is None or job.ended:
            return
        placed = hosts.of_job(self._m.store, job_id)
        if not placed and job.wanted != Wanted.STOP:
            self._start_queued()
        elif self._hold_lease(job_id):
            self._look_after(job, self._take_up(job, placed))
            self._conclude(job_id)

    def _start_queued(self) -> None:
        """First come, first served, and spot jobs last: no job overtakes one before it that does not fit yet,
        unless a warm pool is kept for it."""
        if warmpools.available(self._m.store):
            for job in queue.queued(self._m.store, IN_POOLS, spot=False):
                if self._pools.fitting(job):
                    self._start_or_give_up(job)
        for last in QUEUES:
            if not self._start_all(last):
                return

    def _start_all(self, spot_jobs: bool) -> bool:
        """Whether every job of this queue has left it."""
        seen: set[str] = set()
        more = True
        while more:
            batch = [job for job in queue.queued(self._m.store, BATCH, spot=spot_jobs) if job.id not in seen]
            more = len(batch) == BATCH
            for job in batch:
                seen.add(job.id)
                if not self._start_or_give_up(job):
                    return False
        return True

    def _hold_lease(self, job_id: str) -> bool:
        now = now_ms()
        if self._leases.get(job_id, 0) - now > LEASE_MS // 2:
            return True
        if not queue.claim(self._m.store, job_id, self._owner, now + LEASE_MS):
            return False
        self._leases[job_id] = now + LEASE_MS
        return True

    def _start_or_give_up(self, job: Job) -> bool:
        """Whether the job has left the queue."""
        demand = demand_of(job)
        if gangs.waited_too_long(job, demand):
            self._move(job.id, Event(Step.STOPPING))
            self._end(job.id, [], Outcome(Step.MAX_WAIT_TIME_EXCEEDED))
            return True
        try:
            gangs.check_image(demand)
        except CannotRun as error:
            self._end(job.id, [], Outcome(Step.FAILED, f"{FaultClass.CLIENT}: {error}"))
            return True
        share = gangs.share_of(self._m.reservations, demand)
        self._pools.take(job)
        if not self._m.reservations.try_reserve(job.id, share):
            if not demand.spot:
                self._make_room(job, share)
            return False
        if self._hold_lease(job.id):
            self._launch(job, share)
        else:
            self._m.reservations.release(job.id)
        return True

    def _make_room(self, job: Job, share: Share) -> None:
        """A job that is not a spot job takes the machine from those that are."""
        room = spot.make_room(self._m.reservations, share, queue.running_spot(self._m.store))
        for victim in room.jobs:
            log.info("spot job %s is interrupted: %s needs the machine", victim.name, job.name)
            self._interrupt(victim)

    def _interrupt(self, job: Job) -> None:
        if queue.ask_interrupt(self._m.store, job.id):
            self.reconcile(job.id)

    def _launch(self, job: Job, share: Share) -> None:
        self._move(job.id, Event(Step.STARTING))
        self._pools.open(job)
        plans = gangs.plan(self._m.place, job, self._m.reservations.numbered(job.id, share))
        with suppress(Unreachable):  # taken up again when its hosts are looked after
            self._start_hosts(job.id, plans)

    def _start_hosts(self, job_id: str, plans: list[HostPlan]) -> None:
        """Launch the hosts, those of them that an earlier call launched excepted. Raises Unreachable."""
        try:
            handles = self._m.backend.launch(plans)
        except LaunchFailed as error:
            reason = f"{FaultClass.INTERNAL}: The hosts of the job could not be started: {error}"
            self._end(job_id, [], Outcome(Step.FAILED, reason))
            return
        found = {str(plan.document["host_id"]): handle for plan, handle in zip(plans, handles, strict=True)}
        hosts.set_handles(self._m.store, found)
        gangs.launched(plans)

    def _take_up(self, job: Job, placed: list[Host]) -> list[Host]:
        """The hosts, once a launch that another server began, and did not live to note, has been brought to its end.

        There are none if no host can have been started: then the job is queued as before.
        """
        if all(host.handle or host.over for host in placed):
            return placed
        plans = gangs.planned(self._m.settings, placed)
        if plans:
            log.info("the launch of job %s is taken up", job.name)
            with suppress(Unreachable):
                self._start_hosts(job.id, plans)
        elif all(host.report_seq == 0 for host in placed):
            log.info("the launch of job %s is begun anew", job.name)
            attempts.forget(self._m.store, job.id)
            self._m.reservations.release(job.id)
            self._tidy(gangs.attempt_directory(self._m.settings, job.id, placed[0].attempt), keep_logs=False)
        return hosts.of_job(self._m.store, job.id)

    def _look_after(self, job: Job, placed: list[Host]) -> None:
        demand = demand_of(job)
        overdue = gangs.waited_too_long(job, demand)
        if job.status == Status.IN_PROGRESS and (job.wanted == Wanted.STOP or overdue):
            self._move(job.id, Event(Step.STOPPING))
        ending = job.wanted != Wanted.RUN or overdue
        stopping = ending or outcome.first_failure(placed) is not None
        for host in placed:
            if host.over:
                continue
            why_lost = self._why_lost(host)
            if why_lost is not None:
                self._lose(host, why_lost)
            elif stopping and not host.exited and host.handle:
                with suppress(Unreachable):  # its agent is told so with the answer to its next report
                    self._m.backend.stop(host.handle)
        if placed and demand.spot and not stopping and self._is_due(job, demand, placed[0].attempt):
            self._interrupt(job)

    def _is_due(self, job: Job, demand: Demand, attempt: int) -> bool:
        """Whether the schedule of a spot job's interruptions ends this attempt now."""
        limit_ms = spot.schedule_of(self._m.settings, demand).limit_ms(attempt, job.id)
        since_ms = None if limit_ms is None else running_since_ms(jobs.transitions(self._m.store, job.id))
        return limit_ms is not None and since_ms is not None and now_ms() - since_ms >= limit_ms

    def _why_lost(self, host: Host) -> str | None:
        """None while the host's agent is alive, or may be."""
        if host.handle is None:  # its backend could not be asked yet
            return self._silence(host, "it was never seen")
        try:
            pulse = self._m.backend.poll(host.handle)
        except Unreachable as error:
            return self._silence(host, str(error))
        return None if pulse else pulse.why_not

    def _silence(self, host: Host, why: str) -> str | None:
        limit_s = self._m.settings.agent_timeout_s
        return None if now_ms() - host.seen_ms < limit_s * 1000 else f"silent for {limit_s} s; {why}"

    def _lose(self, host: Host, why: str) -> None:
        fresh = hosts.find(self._m.store, host.id)  # its last report may have come since
        if fresh is None or fresh.over:
            return
        log.warning("host %s of job %s vanished: %s", host.name, host.job_id, why)
        text = f"{FaultClass.INTERNAL}: The agent of host {host.name} ended without a report ({why})."
        hosts.mark(self._m.store, host.id, {"phase": hosts.LOST, "failure": text})

    def _conclude(self, job_id: str) -> None:
        job, placed = jobs.get(self._m.store, job_id), hosts.of_job(self._m.store, job_id)
        if job is None or job.ended or not all(host.over for host in placed):
            return
        if not placed and job.wanted != Wanted.STOP:
            self._start_queued()
            return
        demand = demand_of(job)
        overdue = gangs.waited_too_long(job, demand)
        result = outcome.of_job(kind_of(job), job, placed, overdue)
        event = None if overdue else attempts.again(job, demand, placed, result)
        if event is None or not self._requeue(job_id, placed, event):
            self._end(job_id, placed, result)
        self._start_queued()

    def _requeue(self, job_id: str, placed: list[Host], event: Event) -> bool:
        self._kill_all(placed)
        if not attempts.requeue(self._m.store, job_id, event):
            return False
        self._m.reservations.release(job_id)
        self._tidy(gangs.attempt_directory(self._m.settings, job_id, placed[0].attempt), keep_logs=False)
        return True

    def _kill_all(self, placed: list[Host]) -> None:
        for host in placed:
            if host.handle:
                try:
                    self._m.backend.kill(host.handle)
                except Unreachable as error:  # its agent ends by itself: it is told that the job is not its any more
                    log.warning("host %s of job %s may run on for a while: %s", host.name, host.job_id, error)

    def _end(self, job_id: str, placed: list[Host], result: Outcome) -> None:
        self._kill_all(placed)
        note = outcome.exit_message(placed)
        event = Event(result.step, failure_reason=result.failure_reason, exit_message=note, ended=True)
        with self._m.store.write() as connection:
            moved = jobs.move_in(connection, job_id, event)
            identity.delete_job_keys(connection, job_id)
        _note_refusal(moved, job_id, event)
        if not self._pools.keep(job_id, bool(placed), result):
            self._m.reservations.release(job_id)
        self._leases.pop(job_id, None)
        self._tidy(self._m.settings.data / "jobs" / job_id, keep_logs=result.internal)

    def _tidy(self, directory: Path, keep_logs: bool) -> None:
        """Remove a job's working directory; after an internal error the agents' own logs stay."""
        if not keep_logs:
            self._trash.throw(directory)
            return
        for host_directory in directory.glob("*/*"):
            if not host_directory.is_dir():  # what a host handed over for the first one to merge
                host_directory.unlink(missing_ok=True)
                continue
            for entry in host_directory.iterdir():
                if entry.name != "agent.log":
                    self._trash.throw(entry)

    def _move(self, job_id: str, event: Event) -> None:
        _note_refusal(jobs.move(self._m.store, job_id, event), job_id, event)


def _note_refusal(moved: Job | None, job_id: str, event: Event) -> None:
    if moved is None:
        log.warning("job %s may not go to %s from where it is", job_id, event.step)
