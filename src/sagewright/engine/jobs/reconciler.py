"""The reconciler of jobs of every kind, from their share of the machines to their outcome."""

from __future__ import annotations

import errno
import logging
from contextlib import suppress

from sagewright.compute.backend import BackendUnreachable, HostPlan, LaunchFailed
from sagewright.compute.capacity import JobShare
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.jobs import launch_plan, outcome, retries, spot
from sagewright.engine.jobs.compute import JobCompute
from sagewright.engine.jobs.durations import running_since_ms
from sagewright.engine.jobs.launch_plan import demand_of, kind_of
from sagewright.engine.jobs.leases import Leases
from sagewright.engine.jobs.left_reports import take_left
from sagewright.engine.jobs.outcome import Outcome
from sagewright.engine.jobs.queue import QUEUE, JobQueue
from sagewright.engine.jobs.teardown import Teardown
from sagewright.engine.jobs.waits import WAITS, lacks_disk
from sagewright.engine.jobs.warmpools import WarmPools
from sagewright.kinds.base import Demand
from sagewright.kinds.table import KINDS
from sagewright.model.clock import now_ms
from sagewright.model.jobs.brief import FaultClass
from sagewright.model.jobs.state_machines import SecondaryStatus, Status
from sagewright.store.jobs import hosts, jobs, queue
from sagewright.store.jobs.hosts import Host
from sagewright.store.jobs.jobs import DesiredState, Event, Job

log = logging.getLogger("sagewright.engine.jobs.reconciler")
STOPPED_AT_ONCE = 1000  # how many of the stopped queued jobs one sweep examines


class JobReconciler:
    """See engine.control.Reconciler for the guarantees."""

    def __init__(
        self,
        dependencies: Dependencies,
        compute: JobCompute,
        leases: Leases,
        pools: WarmPools,
        endings: Teardown,
        queueing: JobQueue,
    ) -> None:
        self._dependencies, self._compute, self._leases = dependencies, compute, leases
        self._pools, self._endings, self._queueing = pools, endings, queueing
        self.kinds: tuple[str, ...] = tuple(KINDS)

    def recover(self) -> None:
        """Re-acquires the shares of running jobs, including those that an earlier version kept in memory; releases those no longer
        needed."""
        self._endings.recover()
        held = set(self._compute.reservations.held())
        for _kind, job_id in queue.placed(self._dependencies.store, self._leases.owner):
            job = jobs.get(self._dependencies.store, job_id)
            if job and self._compute.reservations.machine_of(job.id) is None:
                gpus = launch_plan.gpus_of(self._dependencies.settings, hosts.of_job(self._dependencies.store, job.id))
                self._compute.reservations.force(job.id, self._share(demand_of(job)), gpus)
        for job_id in held:
            job = jobs.get(self._dependencies.store, job_id)
            if (job is None or job.ended) and not self._pools.keeps(job_id):
                self._compute.reservations.release(job_id)

    def active(self) -> list[tuple[str, str]]:
        """Returns jobs with hosts, jobs that are about to have some, and queued jobs that were stopped."""
        self._leases.renew()
        store = self._dependencies.store
        stopped = [(job.kind, job.id) for job in queue.stopped_in_queue(store, STOPPED_AT_ONCE)]
        return [*queue.placed(store, self._leases.owner), *stopped]

    def reconcile(self, job_id: str) -> None:
        job = jobs.get(self._dependencies.store, job_id)
        if job is not None:
            progress = self._bring_forward(job)
            if progress and (owner := kind_of(job).owner(job.request)) is not None:
                self._dependencies.wake(*owner)

    def _bring_forward(self, job: Job) -> bool:
        """Returns True if the job's owner is to be woken: not for a job that was launched, or waits, since it has only begun."""
        if job.ended:
            return True
        job_id = job.id
        placed = hosts.of_job(self._dependencies.store, job_id)
        if not placed and job.desired != DesiredState.STOP:
            self._launch_or_queue(job)
            launched = jobs.get(self._dependencies.store, job_id)
            return launched is None or launched.ended
        if self._leases.hold(job_id):
            self._look_after(job, self._take_up(job, placed))
            return not self._conclude(job_id)
        return True

    def _share(self, demand: Demand) -> JobShare:
        return launch_plan.share_of(self._compute.reservations, demand)

    def _launch_or_queue(self, job: Job) -> None:
        """Launches a job that has its share here; a job without one waits in the queue."""
        machine = self._compute.reservations.machine_of(job.id)
        if machine is None and not demand_of(job).queued:
            ready = self._queueing.place_at_once(job)
        elif machine is None:
            ready = self._queueing.place_jobs(job.id)
        else:
            ready = machine == self._compute.reservations.machine and self._leases.hold(job.id)
        if ready:
            self._launch(job)
        elif machine is not None:  # perhaps of a server that is no longer there
            self._dependencies.wake(QUEUE, "")

    def _launch(self, job: Job) -> None:
        if lack := lacks_disk(self._dependencies.settings):
            self._wait_for_disk(job, lack)
            return
        self._move(job, Event(SecondaryStatus.STARTING))
        self._pools.open(job)
        share = self._compute.reservations.numbered(job.id, self._share(demand_of(job)))
        try:
            plans = launch_plan.plan(self._dependencies, job, share)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            self._wait_for_disk(job, f"{error.filename or self._dependencies.settings.data}: {error.strerror}.")
            return
        with suppress(BackendUnreachable):  # resumed when its hosts are observed
            self._start_hosts(job, plans)

    def _wait_for_disk(self, job: Job, lack: str) -> None:
        """Retries at each sweep; the event log records the wait once."""
        last = jobs.transitions(self._dependencies.store, job.id)[-1:]
        if not last or not last[0].message.startswith(WAITS):
            self._move(job, Event(SecondaryStatus.STARTING, f"{WAITS}: {lack}"))

    def _start_hosts(self, job: Job, plans: list[HostPlan]) -> None:
        """Launches the hosts that no earlier call has launched. Raises BackendUnreachable."""
        try:
            handles = self._compute.backend.launch(plans)
        except LaunchFailed as error:
            reason = f"{FaultClass.INTERNAL}: The hosts of the job could not be started: {error}"
            self._end(job, [], Outcome(SecondaryStatus.FAILED, reason))
            return
        found = {plan.host_id: handle for plan, handle in zip(plans, handles, strict=True)}
        hosts.set_handles(self._dependencies.store, found)
        launch_plan.launched(plans)

    def _take_up(self, job: Job, placed: list[Host]) -> list[Host]:
        """Returns the hosts after completing a launch that another server began and did not live to record.

        Returns none if no host can have been started: the job is then queued as before.
        """
        if all(host.handle or host.over for host in placed):
            return placed
        plans = launch_plan.planned(self._dependencies.settings, placed)
        if plans:
            log.info("the launch of job %s is resumed", job.name)
            with suppress(BackendUnreachable):
                self._start_hosts(job, plans)
        elif all(host.report_seq == 0 for host in placed):
            log.info("the launch of job %s is begun anew", job.name)
            self._endings.forget(job, placed)
        return hosts.of_job(self._dependencies.store, job.id)

    def _look_after(self, job: Job, placed: list[Host]) -> None:
        demand = demand_of(job)
        overdue = launch_plan.waited_too_long(job, demand)
        if job.status == Status.IN_PROGRESS and (job.desired == DesiredState.STOP or overdue):
            self._move(job, Event(SecondaryStatus.STOPPING))
        ending = job.desired != DesiredState.RUN or overdue
        stopping = ending or outcome.is_lost(kind_of(job), placed)
        for host in placed:
            if host.over:
                continue
            lost_reason = self._lost_reason(host)
            if lost_reason is not None:
                self._lose(host, lost_reason)
            elif stopping and not host.exited and host.handle and (ending or host.report_seq):
                # An agent that has not reported yet may not handle signals yet: its death would count as the job's failure.
                with suppress(BackendUnreachable):  # its agent learns it from the answer to its next report
                    self._compute.backend.stop(host.handle)
        if placed and demand.spot and not stopping:
            self._interrupt_when_due(job, demand, placed[0].attempt)

    def _interrupt_when_due(self, job: Job, demand: Demand, attempt: int) -> None:
        """Interrupts this attempt when the spot job's interruption schedule says so."""
        limit_ms = spot.schedule_of(self._dependencies.settings, demand).limit_ms(attempt, job.id)
        since_ms = None if limit_ms is None else running_since_ms(jobs.transitions(self._dependencies.store, job.id))
        if limit_ms is None or since_ms is None:
            return
        left_ms = since_ms + limit_ms - now_ms()
        if left_ms > 0:
            self._dependencies.wake_after(left_ms / 1000, job.kind, job.id)
        elif queue.ask_interrupt(self._dependencies.store, job.id):
            self._dependencies.wake(job.kind, job.id)

    def _lost_reason(self, host: Host) -> str | None:
        """Returns why the host counts as lost; None while its agent is alive, or may be."""
        if host.handle is None:  # its backend could not be queried yet
            return self._silence(host, "it was never seen")
        try:
            pulse = self._compute.backend.poll(host.handle)
        except BackendUnreachable as error:
            return self._silence(host, str(error))
        return None if pulse else pulse.reason

    def _silence(self, host: Host, reason: str) -> str | None:
        limit_s = self._dependencies.settings.agent_timeout_s
        return None if now_ms() - host.seen_ms < limit_s * 1000 else f"silent for {limit_s} s; {reason}"

    def _lose(self, host: Host, reason: str) -> None:
        take_left(self._dependencies.store, host)
        fresh = hosts.find(self._dependencies.store, host.id)  # its last report may have arrived since
        if fresh is None or fresh.over:
            return
        log.warning("host %s of job %s vanished: %s", host.name, host.job_id, reason)
        text = f"{FaultClass.INTERNAL}: The agent of host {host.name} ended without a report ({reason})."
        hosts.mark(self._dependencies.store, host.id, {"phase": hosts.LOST, "failure": text})

    def _conclude(self, job_id: str) -> bool:
        """Ends the job, or its attempt, if all of its hosts are over. Returns True if its owner was woken for that."""
        job, placed = jobs.get(self._dependencies.store, job_id), hosts.of_job(self._dependencies.store, job_id)
        if job is None or job.ended or not all(host.over for host in placed):
            return False
        if not placed and job.desired != DesiredState.STOP:
            self._dependencies.wake(QUEUE, "")
            return False
        demand = demand_of(job)
        overdue = launch_plan.waited_too_long(job, demand)
        result = outcome.of_job(kind_of(job), job, placed, overdue)
        event, woken = None if overdue else retries.again(job, demand, placed, result), False
        if event is None or not self._endings.requeue(job, placed, event):
            woken = self._endings.end(job, placed, result)
        self._dependencies.wake(QUEUE, "")
        return woken

    def _end(self, job: Job, placed: list[Host], result: Outcome) -> None:
        self._endings.end(job, placed, result)
        self._dependencies.wake(QUEUE, "")

    def _move(self, job: Job, event: Event) -> None:
        if jobs.move(self._dependencies.store, job.id, event) is None:
            log.warning("job %s cannot move to %s from its current step", job.id, event.step)
