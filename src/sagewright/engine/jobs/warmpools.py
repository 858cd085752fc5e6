"""Warm pools: the hosts of a finished job are kept for the next matching job.

A pool keeps its share of the machine, until another job needs it, and the cache directory of its hosts. Source: AWS's developer
guide, "Train using SageMaker AI managed warm pools".
"""

from __future__ import annotations

import uuid
from pathlib import Path

from sagewright.compute.capacity import JobShare
from sagewright.engine.dependencies import Dependencies
from sagewright.engine.jobs.directories import Trash
from sagewright.engine.jobs.launch_plan import demand_of
from sagewright.engine.jobs.outcome import Outcome
from sagewright.engine.jobs.reservations import Reservations
from sagewright.model.clock import now_ms
from sagewright.model.settings import Settings
from sagewright.store.jobs import jobs, warmpools
from sagewright.store.jobs.jobs import Job
from sagewright.store.jobs.warmpools import PoolStatus, WarmPool

POOL = "warm pool"
LONGEST_MS = 7 * 86_400_000
"""Maximum lifetime of a pool's hosts, however many jobs use them one after another."""


class WarmPools:
    """Manages pools for the job reconciler, and ends pools that no job used (engine.control.Reconciler)."""

    kinds: tuple[str, ...] = (POOL,)

    def __init__(self, dependencies: Dependencies, reservations: Reservations) -> None:
        self._settings, self._store, self._reservations = dependencies.settings, dependencies.store, reservations
        self._trash = Trash(dependencies.settings.data / "pools")

    def recover(self) -> None:
        """Ends the pools that a killed server left in use by jobs that are over."""
        self._trash.sweep()
        for pool in warmpools.left_in_use(self._store):
            if warmpools.terminate(self._store, pool.job_id, PoolStatus.IN_USE):
                self._forget(pool)

    def active(self) -> list[tuple[str, str]]:
        return [(POOL, pool.job_id) for pool in warmpools.available(self._store) if _over(pool)]

    def reconcile(self, job_id: str) -> None:
        pool = warmpools.of_job(self._store, job_id)
        if pool is None or pool.status != PoolStatus.AVAILABLE or not _over(pool):
            return
        if warmpools.terminate(self._store, job_id, PoolStatus.AVAILABLE):
            self._reservations.release(job_id)
            self._forget(pool)

    def has(self, job_id: str) -> bool:
        """True if the job has, or had, a pool."""
        return warmpools.of_job(self._store, job_id) is not None

    def keeps(self, job_id: str) -> bool:
        """True if the job is over and its hosts are kept."""
        pool = warmpools.of_job(self._store, job_id)
        return pool is not None and pool.status == PoolStatus.AVAILABLE

    def fitting(self, job: Job) -> WarmPool | None:
        """Returns the pool that a queued job could use."""
        desired = demand_of(job).shape
        if desired is None:
            return None
        found = (pool for pool in warmpools.available(self._store) if pool.shape == desired and not _over(pool))
        return next(found, None)

    def holds_share_for(self, job: Job) -> bool:
        """True if a pool that fits the job still has its share of the machine."""
        pool = self.fitting(job)
        return pool is not None and self._reservations.machine_of(pool.job_id) is not None

    def give_way(self, share: JobShare) -> bool:
        """Releases shares of kept hosts to make room for `share`, the longest kept first. Returns False if that is not enough.

        AWS has other machines for jobs that a pool does not fit. The pools stay available, and so do their caches.
        """
        held = set(self._reservations.held())
        idle = [pool.job_id for pool in warmpools.available(self._store) if pool.job_id in held]
        if not idle or not self._reservations.fits_without(share, set(idle)):
            return False
        for job_id in idle:
            self._reservations.release(job_id)
            if self._reservations.fits_without(share, set()):
                return True
        return False

    def take(self, job: Job) -> None:
        """Gives a queued job the hosts of a fitting pool, if there is one, and the share of the machine that they still hold."""
        pool = self.fitting(job)
        if pool is None or warmpools.of_job(self._store, job.id) is not None:
            return
        if warmpools.reuse(self._store, pool, job.id, job.name):
            self._reservations.hand_over(pool.job_id, job.id)

    def open(self, job: Job) -> None:
        """Records, when a job is launched, that its hosts will be kept."""
        demand = demand_of(job)
        if demand.keep_alive_s and demand.shape and warmpools.of_job(self._store, job.id) is None:
            new = WarmPool(job.id, uuid.uuid4().hex, now_ms(), demand.shape, PoolStatus.IN_USE.value)
            warmpools.open_new(self._store, new)

    def keep(self, job_id: str, launched: bool, result: Outcome) -> bool:
        """True if the hosts of a job that has just ended are kept; the job then goes on holding its share."""
        job, pool = jobs.get(self._store, job_id), warmpools.of_job(self._store, job_id)
        if job is None or pool is None or pool.status != PoolStatus.IN_USE:
            return False
        now = now_ms()
        until = min(now + demand_of(job).keep_alive_s * 1000, pool.cluster_since_ms + LONGEST_MS)
        if launched and not result.internal and until > now and warmpools.keep(self._store, job_id, now, until):
            return True
        warmpools.terminate(self._store, job_id, PoolStatus.IN_USE)
        self._forget(pool)
        return False

    def _forget(self, pool: WarmPool) -> None:
        self._trash.throw(cache_directory(self._settings, pool))


def cache_directory(settings: Settings, pool: WarmPool) -> Path:
    """Returns the directory of a pool's caches while no job runs."""
    return settings.data / "pools" / pool.cluster_id


def _over(pool: WarmPool) -> bool:
    return pool.until_ms is not None and pool.until_ms <= now_ms()
