"""The reconciler of jobs of every kind: from their share of the machines to their outcome."""

from __future__ import annotations

import errno
import logging
from contextlib import suppress

from sagewright.compute.backend import HostPlan, LaunchFailed, Unreachable
from sagewright.compute.capacity import Share
from sagewright.engine import attempts, gangs, outcome, spot
from sagewright.engine.diskwaits import WAITS, lacks_disk
from sagewright.engine.endings import Endings
from sagewright.engine.gangs import demand_of, kind_of
from sagewright.engine.leases import Leases
from sagewright.engine.leftreports import take_left
from sagewright.engine.machinery import Machinery
from sagewright.engine.outcome import Outcome
from sagewright.engine.queueing import QUEUE, Queueing
from sagewright.engine.times import running_since_ms
from sagewright.engine.warmpools import WarmPools
from sagewright.kinds.base import Demand
from sagewright.kinds.table import KINDS
from sagewright.model.brief import FaultClass
from sagewright.model.clock import now_ms
from sagewright.model.lives import Status, Step
from sagewright.store import hosts, jobs, queue
from sagewright.store.hosts import Host
from sagewright.store.jobs import Event, Job, Wanted

log = logging.getLogger("sagewright.engine.runs")
STOPPED_AT_ONCE = 1000  # how many of the queued jobs that were stopped one sweep looks at


class Runs:
    """See engine.control.Reconciler for the guarantees."""

    kinds: tuple[str, ...] = tuple(KINDS)

    def __init__(self, machinery: Machinery, leases: Leases, pools: WarmPools, endings: Endings, queueing: Queueing):
        self._m, self._leases, self._pools, self._endings = machinery, leases, pools, endings
        self._queueing = queueing

    def recover(self) -> None:
        """Hold what runs, also where an earlier version kept that in memory; give back what nobody needs any more."""
        self._endings.recover()
        held = set(self._m.reservations.held())
        for _kind, job_id in queue.placed(self._m.store, self._leases.owner):
            job = jobs.get(self._m.store, job_id)
            if job and self._m.reservations.place_of(job.id) is None:
                gpus = gangs.gpus_of(self._m.settings, hosts.of_job(self._m.store, job.id))
                self._m.reservations.force(job.id, self._share(demand_of(job)), gpus)
        for job_id in held:
            job = jobs.get(self._m.store, job_id)
            if (job is None or job.ended) and not self._pools.keeps(job_id):
                self._m.reservations.release(job_id)

    def active(self) -> list[tuple[str, str]]:
        """Jobs with hosts, those that are about to have some, and queued jobs that were stopped."""
        self._leases.renew()
        store = self._m.store
        stopped = [(job.kind, job.id) for job in queue.stopped_in_queue(store, STOPPED_AT_ONCE)]
        return [*queue.placed(store, self._leases.owner), *stopped]

    def reconcile(self, job_id: str) -> None:
        job = jobs.get(self._m.store, job_id)
        if job is not None:
            self._bring_forward(job)
            if (owner := kind_of(job).owner(job.request)) is not None:
                self._m.wake(*owner)

    def _bring_forward(self, job: Job) -> None:
        if job.ended:
            return
        job_id = job.id
        placed = hosts.of_job(self._m.store, job_id)
        if not placed and job.wanted != Wanted.STOP:
            self._launch_or_queue(job)
        elif self._leases.hold(job_id):
            self._look_after(job, self._take_up(job, placed))
            self._conclude(job_id)

    def _share(self, demand: Demand) -> Share:
        return gangs.share_of(self._m.reservations, demand)

    def _launch_or_queue(self, job: Job) -> None:
        """A job that has its share here is launched; one that has none waits in the queue."""
        place = self._m.reservations.place_of(job.id)
        if place is None and not demand_of(job).queued:
            ready = self._queueing.place_at_once(job)
        elif place is None:
            ready = self._queueing.place_jobs(job.id)
        else:
            ready = place == self._m.reservations.machine and self._leases.hold(job.id)
        if ready:
            self._launch(job)
        elif place is not None:  # of a server that is gone, perhaps
            self._m.wake(QUEUE, "")

    def _launch(self, job: Job) -> None:
        if lack := lacks_disk(self._m.settings):
            self._wait_for_disk(job, lack)
            return
        self._move(job, Event(Step.STARTING))
        self._pools.open(job)
        share = self._m.reservations.numbered(job.id, self._share(demand_of(job)))
        try:
            plans = gangs.plan(self._m.place, job, share)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            self._wait_for_disk(job, f"{error.filename or self._m.settings.data}: {error.strerror}.")
            return
        with suppress(Unreachable):  # taken up again when its hosts are looked after
            self._start_hosts(job, plans)

    def _wait_for_disk(self, job: Job, lack: str) -> None:
        """Tried again at each sweep; its log of events says so once."""
        last = jobs.transitions(self._m.store, job.id)[-1:]
        if not last or not last[0].message.startswith(WAITS):
            self._move(job, Event(Step.STARTING, f"{WAITS}: {lack}"))

    def _start_hosts(self, job: Job, plans: list[HostPlan]) -> None:
        """Launch the hosts, those of them that an earlier call launched excepted. Raises Unreachable."""
        try:
            handles = self._m.backend.launch(plans)
        except LaunchFailed as error:
            reason = f"{FaultClass.INTERNAL}: The hosts of the job could not be started: {error}"
            self._end(job, [], Outcome(Step.FAILED, reason))
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
                self._start_hosts(job, plans)
        elif all(host.report_seq == 0 for host in placed):
            log.info("the launch of job %s is begun anew", job.name)
            self._endings.forget(job, placed)
        return hosts.of_job(self._m.store, job.id)

    def _look_after(self, job: Job, placed: list[Host]) -> None:
        demand = demand_of(job)
        overdue = gangs.waited_too_long(job, demand)
        if job.status == Status.IN_PROGRESS and (job.wanted == Wanted.STOP or overdue):
            self._move(job, Event(Step.STOPPING))
        ending = job.wanted != Wanted.RUN or overdue
        stopping = ending or outcome.is_lost(kind_of(job), placed)
        for host in placed:
            if host.over:
                continue
            why_lost = self._why_lost(host)
            if why_lost is not None:
                self._lose(host, why_lost)
            elif stopping and not host.exited and host.handle and (ending or host.report_seq):
                # An agent that has not reported yet may not handle signals yet: its death would pass for the job's failure.
                with suppress(Unreachable):  # its agent is told so with the answer to its next report
                    self._m.backend.stop(host.handle)
        if placed and demand.spot and not stopping:
            self._interrupt_when_due(job, demand, placed[0].attempt)

    def _interrupt_when_due(self, job: Job, demand: Demand, attempt: int) -> None:
        """Where the schedule of a spot job's interruptions ends this attempt."""
        limit_ms = spot.schedule_of(self._m.settings, demand).limit_ms(attempt, job.id)
        since_ms = None if limit_ms is None else running_since_ms(jobs.transitions(self._m.store, job.id))
        if limit_ms is None or since_ms is None:
            return
        left_ms = since_ms + limit_ms - now_ms()
        if left_ms > 0:
            self._m.wake_after(left_ms / 1000, job.kind, job.id)
        elif queue.ask_interrupt(self._m.store, job.id):
            self._m.wake(job.kind, job.id)

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
        take_left(self._m.store, host)
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
            self._m.wake(QUEUE, "")
            return
        demand = demand_of(job)
        overdue = gangs.waited_too_long(job, demand)
        result = outcome.of_job(kind_of(job), job, placed, overdue)
        event = None if overdue else attempts.again(job, demand, placed, result)
        if event is None or not self._endings.requeue(job, placed, event):
            self._endings.end(job, placed, result)
        self._m.wake(QUEUE, "")

    def _end(self, job: Job, placed: list[Host], result: Outcome) -> None:
        self._endings.end(job, placed, result)
        self._m.wake(QUEUE, "")

    def _move(self, job: Job, event: Event) -> None:
        if jobs.move(self._m.store, job.id, event) is None:
            log.warning("job %s may not go to %s from where it is", job.id, event.step)
