"""The reconciler of the queue: which jobs get their share of the machines next. All kinds of jobs wait in one queue."""

from __future__ import annotations

import logging
import threading

from sagewright.compute.capacity import Share
from sagewright.engine import gangs, spot
from sagewright.engine.endings import Endings
from sagewright.engine.gangs import demand_of, kind_of
from sagewright.engine.leases import Leases
from sagewright.engine.machinery import Machinery
from sagewright.engine.outcome import Outcome
from sagewright.engine.reservations import Taken
from sagewright.engine.warmpools import WarmPools
from sagewright.kinds.table import KINDS
from sagewright.model.brief import FaultClass
from sagewright.model.lives import Step
from sagewright.runtimes.launch import CannotRun
from sagewright.store import jobs, queue, warmpools
from sagewright.store.jobs import Event, Job

log = logging.getLogger("sagewright.engine.queueing")
QUEUE = "queue"
IN_POOLS = 100  # how many queued jobs are looked at when a warm pool is available
BATCH = 8  # how many queued jobs are read at a time
APART = tuple(kind.name for kind in KINDS.values() if kind.together)
QUEUES = (False, True)  # the jobs that are not spot jobs come first


class Queueing:
    """See engine.control.Reconciler for the guarantees. Its one subject is the queue as a whole."""

    kinds: tuple[str, ...] = (QUEUE,)

    def __init__(self, machinery: Machinery, leases: Leases, pools: WarmPools, endings: Endings) -> None:
        self._m, self._leases, self._pools, self._endings = machinery, leases, pools, endings
        self._lock = threading.Lock()

    def recover(self) -> None:
        """Nothing: who waits stands in the store."""

    def active(self) -> list[tuple[str, str]]:
        waiting = any(queue.queued(self._m.store, 1, spot=last, apart=APART) for last in QUEUES)
        waiting = waiting or any(queue.first_of(self._m.store, kind, 1) for kind in APART)
        return [(QUEUE, "")] if waiting else []

    def reconcile(self, _subject_id: str) -> None:
        self.place_jobs()

    def place_jobs(self, asking: str = "", only: str = "") -> bool:
        """Whether the job `asking` has its share here now; it is not woken for that, as all others are. `only`: a kind that stands
        beside the queue, which alone is looked at.

        First come, first served, and spot jobs last: no job overtakes one before it that does not fit yet, unless a warm pool
        is kept for it.
        """
        placed: set[str] = set()
        with self._lock:
            for kind in [only] if only else APART:
                self._place_apart(kind, placed)
            if not only:
                self._place_all(placed)
        for job_id in placed - {asking}:
            job = jobs.get(self._m.store, job_id)
            if job is not None:
                self._m.wake(job.kind, job.id)
        return asking in placed

    def place_at_once(self, job: Job) -> bool:
        """Whether a job that need not wait for the others has its share here now."""
        if kind_of(job).together:
            return self.place_jobs(job.id, job.kind)
        placed: set[str] = set()
        with self._lock:
            self._start_or_give_up(job, placed)
        return job.id in placed

    def _place_apart(self, kind: str, placed: set[str]) -> None:
        """The oldest jobs of a kind that stands beside the queue, as many as may run."""
        room = KINDS[kind].together - queue.count_placed(self._m.store, kind)
        for job in queue.first_of(self._m.store, kind, room) if room > 0 else ():
            self._start_or_give_up(job, placed)

    def _place_all(self, placed: set[str]) -> None:
        if warmpools.available(self._m.store):
            for job in queue.queued(self._m.store, IN_POOLS, spot=False, apart=APART):
                if self._pools.fitting(job):
                    self._start_or_give_up(job, placed)
        for last in QUEUES:
            if not self._start_all(last, placed):
                return

    def _start_all(self, spot_jobs: bool, placed: set[str]) -> bool:
        """Whether every job of this queue has left it, or is another server's."""
        seen: set[str] = set()
        more = True
        while more:
            batch = [
                job
                for job in queue.queued(self._m.store, BATCH + len(seen), spot=spot_jobs, apart=APART)
                if job.id not in seen
            ]
            more = len(batch) >= BATCH
            for job in batch:
                seen.add(job.id)
                if not self._start_or_give_up(job, placed):
                    return False
        return True

    def _start_or_give_up(self, job: Job, placed: set[str]) -> bool:
        """Whether the job waits for no share any more; it is one of `placed` if it has it here."""
        demand = demand_of(job)
        if gangs.waited_too_long(job, demand):
            jobs.move(self._m.store, job.id, Event(Step.STOPPING))
            self._endings.end(job, [], Outcome(Step.MAX_WAIT_TIME_EXCEEDED))
            return True
        try:
            gangs.check_image(demand)
        except CannotRun as error:
            self._endings.end(job, [], Outcome(Step.FAILED, f"{FaultClass.CLIENT}: {error}"))
            return True
        self._pools.take(job)
        share = gangs.share_of(self._m.reservations, demand)
        lease = self._leases.new()
        taken = self._m.reservations.try_reserve(job.id, share, lease)
        if taken is Taken.OURS:
            self._leases.note(job.id, lease)
            placed.add(job.id)
        elif taken is Taken.NO_ROOM and not demand.spot:
            self._make_room(job, share)
        return taken is not Taken.NO_ROOM

    def _make_room(self, job: Job, share: Share) -> None:
        """A job that is not a spot job takes the machine from those that are."""
        room = spot.make_room(self._m.reservations, share, queue.running_spot(self._m.store))
        for victim in room.jobs:
            log.info("spot job %s is interrupted: %s needs the machine", victim.name, job.name)
            if queue.ask_interrupt(self._m.store, victim.id):
                self._m.wake(victim.kind, victim.id)
