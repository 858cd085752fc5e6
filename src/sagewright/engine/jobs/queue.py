"""The reconciler of the queue: decides which jobs get their share of the machines next. Jobs of all kinds wait in one queue."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from sqlalchemy import Connection

from sagewright.compute.capacity import JobShare
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.jobs import launch_plan, spot
from sagewright.engine.jobs.compute import JobCompute
from sagewright.engine.jobs.environment_builds import BuildFailed
from sagewright.engine.jobs.launch_plan import demand_of, kind_of
from sagewright.engine.jobs.leases import Leases
from sagewright.engine.jobs.outcome import Outcome
from sagewright.engine.jobs.reservations import Taken
from sagewright.engine.jobs.sharing.allowances import Allowances
from sagewright.engine.jobs.sharing.fairness import may_be_passed
from sagewright.engine.jobs.sharing.lines import ByTurns, OldestFirst, QueueLine
from sagewright.engine.jobs.teardown import Teardown
from sagewright.engine.jobs.waits import MOST_SAID, QUEUED, SAID_EVERY_MS, say, say_preparing, say_queued
from sagewright.engine.jobs.warmpools import WarmPools
from sagewright.kinds.base import Demand
from sagewright.kinds.table import KINDS
from sagewright.model.clock import now_ms
from sagewright.model.jobs.brief import FaultClass
from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.runtimes import images
from sagewright.runtimes.launch import CannotRun
from sagewright.store.jobs import jobs, queue, warmpools
from sagewright.store.jobs.jobs import Event, Job
from sagewright.store.jobs.queue import Lease

log = logging.getLogger("sagewright.engine.jobs.queue")
QUEUE = "queue"
IN_POOLS = 100  # how many queued jobs are examined when a warm pool is available
BATCH = 8  # how many queued jobs are read at a time
DEPTH = 100  # how many jobs behind one that does not fit are examined
PATIENCE_MS = 120_000
"""Time for which a job lets every later job pass that fits."""
QUEUES = (False, True)  # jobs other than spot jobs come first


@dataclass(frozen=True)
class JobAdmission:
    """One job's part in the transaction that gives it a share; see engine.jobs.reservations."""

    job: Job
    share: JobShare
    allowances: Allowances
    turns: QueueLine | None

    def holds(self, connection: Connection) -> bool:
        return self.allowances.holds(connection, self.job, self.share)

    def note(self, connection: Connection) -> None:
        if self.turns is not None:
            self.turns.note(connection, self.job, self.share.total)


class JobQueue:
    """See engine.control.Reconciler for the guarantees. Its one subject is the queue as a whole."""

    kinds: tuple[str, ...] = (QUEUE,)

    def __init__(
        self, dependencies: Dependencies, compute: JobCompute, leases: Leases, pools: WarmPools, endings: Teardown
    ) -> None:
        self._dependencies, self._compute = dependencies, compute
        self._leases, self._pools, self._endings = leases, pools, endings
        self._lock, self._next = threading.Lock(), threading.Lock()
        self._said, self._said_ms = 0, 0
        self._bypassing = tuple(kind.name for kind in KINDS.values() if kind.together)
        self._turns: QueueLine | None = None
        self._given_up: list[tuple[Job, Outcome]] = []
        self._allowances = Allowances(dependencies.store, dependencies.settings.account)

    def active(self) -> list[tuple[str, str]]:
        waiting = any(queue.queued(self._dependencies.store, 1, spot=last, apart=self._bypassing) for last in QUEUES)
        waiting = waiting or any(queue.first_of(self._dependencies.store, kind, 1) for kind in self._bypassing)
        return [(QUEUE, "")] if waiting else []

    def reconcile(self, _subject_id: str) -> None:
        self.place_jobs()

    def place_jobs(self, asking: str = "", only: str = "") -> bool:
        """True if the job `asking` has its share here now; it is not woken for that, unlike all others. `only`: a kind that
        bypasses the queue; only its jobs are then examined.

        First come, first served, with spot jobs last; owners by turns if there are several. A job passes an earlier one that does
        not fit yet if a warm pool is kept for it, or if `_may_be_passed` allows it.

        One pass serves all that asked before it began: while a caller waits to begin one, the others leave without a pass.
        """
        placed: set[str] = set()
        if not only and not self._next.acquire(blocking=False):
            return False  # the pass that is about to begin wakes `asking` if it places it
        with self._lock:
            if not only:
                self._next.release()
            self._renew_saying()
            try:
                for kind in [only] if only else self._bypassing:
                    self._place_bypassing(kind, placed)
                if not only:
                    self._place_all(placed)
            finally:
                self._end_given_up()
        for job_id in placed - {asking}:
            job = jobs.get(self._dependencies.store, job_id)
            if job is not None:
                self._dependencies.wake(job.kind, job.id)
        return asking in placed

    def place_at_once(self, job: Job) -> bool:
        """True if a job that bypasses the queue has its share here now."""
        if kind_of(job).together:
            return self.place_jobs(job.id, job.kind)
        placed: set[str] = set()
        with self._lock:
            self._start_or_give_up(job, placed)
            self._end_given_up()
        return job.id in placed

    def _renew_saying(self) -> None:
        """Lets jobs say why they wait, unless others have done so within a second: passes are frequent while jobs end."""
        now = now_ms()
        if now - self._said_ms >= SAID_EVERY_MS:
            self._said, self._said_ms = 0, now

    def _say_queued(self, job: Job) -> None:
        demand = demand_of(job)
        if demand.queued and self._said < MOST_SAID:
            self._said += 1
            share = launch_plan.share_of(self._compute.reservations, demand)
            say_queued(self._dependencies.store, self._compute.reservations, job, share)

    def _place_bypassing(self, kind: str, placed: set[str]) -> None:
        """Places the oldest jobs of a kind that bypasses the queue, up to the limit of running ones."""
        room = KINDS[kind].together - queue.count_placed(self._dependencies.store, kind)
        for job in queue.first_of(self._dependencies.store, kind, room) if room > 0 else ():
            self._start_or_give_up(job, placed)

    def _place_all(self, placed: set[str]) -> None:
        if warmpools.available(self._dependencies.store):
            for job in queue.queued(self._dependencies.store, IN_POOLS, spot=False, apart=self._bypassing):
                if self._pools.holds_share_for(job):
                    self._start_or_give_up(job, placed)
            self._end_given_up()
        try:
            for last in QUEUES:
                if not self._start_all(last, placed):
                    return
        finally:
            self._turns = None

    def _start_all(self, spot_jobs: bool, placed: set[str]) -> bool:
        """True if every job of this queue has left it, or belongs to another server.

        Jobs pass one that does not fit where that puts no job at a disadvantage: see `_may_be_passed`.
        """
        line = self._turns = self._line(spot_jobs)
        seen, first_blocked, size = 0, -1, BATCH
        while True:
            batch = line.take(size)
            for number, job in enumerate(batch):
                seen += 1
                taken = self._start_or_give_up(job, placed, passing=first_blocked >= 0)
                if taken is Taken.HELD:
                    line.hold(job.owner)
                if taken is not Taken.NO_ROOM:
                    size = BATCH if job.id in placed else DEPTH  # it may still be queued, waiting for its environment
                    continue
                if not self._may_be_passed(job) or not self._compute.reservations.has_room():
                    for behind in batch[number + 1 :]:
                        self._say_queued(behind)
                    return False
                first_blocked, size = first_blocked if first_blocked >= 0 else seen, DEPTH
            if not batch or (first_blocked >= 0 and seen - first_blocked >= DEPTH):
                return first_blocked < 0

    def _line(self, spot_jobs: bool) -> QueueLine:
        """Returns the jobs that wait, in order. One owner without priorities and limits costs one index lookup."""
        store, owners = self._dependencies.store, queue.owners(self._dependencies.store)
        if len(owners) > 1 or self._allowances.exist() or any(queue.has_ranks(store, one) for one in owners):
            limits = self._allowances.limits()
            return ByTurns(self._compute.reservations, limits, owners, spot_jobs, self._bypassing)
        return OldestFirst(store, spot_jobs, self._bypassing)

    def _may_be_passed(self, job: Job) -> bool:
        """True if later jobs may start before a job that does not fit now; see engine.jobs.sharing.fairness."""
        waited_ms = now_ms() - job.created_ms
        if waited_ms < PATIENCE_MS:
            return True
        share = launch_plan.share_of(self._compute.reservations, demand_of(job))
        passers = queue.placed_later(self._dependencies.store, job)
        fits = self._compute.reservations.fits_without(share, passers)
        return may_be_passed(waited_ms, PATIENCE_MS, fits_without_passers=fits)

    def _start_or_give_up(self, job: Job, placed: set[str], passing: bool = False) -> Taken:
        """Returns NO_ROOM or HELD if the job still waits for a share; it is added to `placed` if it has its share here. `passing`:
        earlier jobs wait, so it is unlikely to fit."""
        demand = demand_of(job)
        if launch_plan.waited_too_long(job, demand):
            jobs.move(self._dependencies.store, job.id, Event(SecondaryStatus.STOPPING))
            self._give_up(job, Outcome(SecondaryStatus.MAX_WAIT_TIME_EXCEEDED))
            return Taken.ANOTHERS
        try:
            launch_plan.check_image(demand)
        except CannotRun as error:
            self._give_up(job, Outcome(SecondaryStatus.FAILED, f"{FaultClass.CLIENT}: {error}"))
            return Taken.ANOTHERS
        if self._waits_for_environment(job, demand):
            return Taken.ANOTHERS
        self._pools.take(job)
        share = launch_plan.share_of(self._compute.reservations, demand)
        taken, lease = self._reserve(job, share, demand, passing)
        if taken is Taken.OURS:
            self._leases.note(job.id, lease)
            placed.add(job.id)
        elif taken is Taken.NO_ROOM and not demand.spot:
            self._make_room(job, share)
        if taken is Taken.NO_ROOM:
            self._say_queued(job)
        return taken

    def _give_up(self, job: Job, result: Outcome) -> None:
        """Ends a queued job before the pass is over, together with others."""
        self._given_up.append((job, result))
        if len(self._given_up) >= BATCH:
            self._end_given_up()

    def _end_given_up(self) -> None:
        """Ends the jobs that were given up, and wakes their owners: the jobs' own reconciles may be over."""
        ended, self._given_up = self._given_up, []
        if ended:
            self._endings.end_queued(ended)
        for job, _ in ended:
            if (owner := kind_of(job).owner(job.request)) is not None:
                self._dependencies.wake(*owner)

    def _reserve(self, job: Job, share: JobShare, demand: Demand, passing: bool) -> tuple[Taken, Lease]:
        reservations, lease = self._compute.reservations, self._leases.new()
        if reason := self._held_reason(job, share):
            self._say_held(job, demand, reason)
            return Taken.HELD, lease
        if passing and not reservations.fits_without(share, {job.id}):
            taken = Taken.NO_ROOM
        else:
            taken = reservations.try_reserve(
                job.id, share, lease, JobAdmission(job, share, self._allowances, self._turns)
            )
        if taken is Taken.NO_ROOM and not demand.spot and self._pools.give_way(share):
            lease = self._leases.new()
            taken = reservations.try_reserve(
                job.id, share, lease, JobAdmission(job, share, self._allowances, self._turns)
            )
        return taken, lease

    def _held_reason(self, job: Job, share: JobShare) -> str:
        """Returns why a limit holds a job, "" if none does, or if it already has its share."""
        reason = self._allowances.reason(job, share)
        return "" if not reason or self._compute.reservations.machine_of(job.id) else reason

    def _say_held(self, job: Job, demand: Demand, reason: str) -> None:
        if demand.queued and self._said < MOST_SAID:
            self._said += 1
            say(self._dependencies.store, job, f"{QUEUED}{reason}.")

    def _waits_for_environment(self, job: Job, demand: Demand) -> bool:
        """True if the job's environment is being built, or if the job failed because it cannot be built. In both cases it blocks no
        other job."""
        if self._compute.builds is None or not demand.queued:
            return False
        image = images.resolve_image(demand.image)
        try:
            missing = self._compute.builds.missing(image, job.created_ms)
        except BuildFailed as error:
            reason = f"{FaultClass.CLIENT}: Cannot build an environment for the image {image.uri}: {error}"
            self._give_up(job, Outcome(SecondaryStatus.FAILED, reason))
            return True
        if missing:
            self._say_preparing(job, missing, self._compute.builds.progress(missing))
        return bool(missing)

    def _say_preparing(self, job: Job, environment: str, progress: str) -> None:
        """Says which environment a job waits for, and what its build is doing while not too many jobs wait."""
        if progress and self._said >= MOST_SAID:
            progress = ""
        if say_preparing(self._dependencies.store, job, environment, progress) and progress:
            self._said += 1

    def _make_room(self, job: Job, share: JobShare) -> None:
        """Interrupts spot jobs to free the machine for a job that is not a spot job."""
        room = spot.make_room(self._compute.reservations, share, queue.running_spot(self._dependencies.store))
        for victim in room.jobs:
            log.info("spot job %s is interrupted: %s needs the machine", victim.name, job.name)
            if queue.ask_interrupt(self._dependencies.store, victim.id):
                self._dependencies.wake(victim.kind, victim.id)
