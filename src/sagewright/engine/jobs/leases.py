"""The leases of this server: only the holder of a job's lease advances the job."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sagewright.engine.dependencies import Dependencies
from sagewright.model.clock import now_ms
from sagewright.store.jobs import queue
from sagewright.store.jobs.queue import Lease

LEASE_MS = 30_000
RENEW_MS = 10_000


class Leases:
    """`alive()`: True while no other server considers this one dead. Safe to use from many threads."""

    def __init__(self, dependencies: Dependencies, alive: Callable[[], bool] = lambda: True) -> None:
        self._store, self.owner, self._alive = dependencies.store, dependencies.owner, alive
        self._until: dict[str, int] = {}
        self._lock = threading.Lock()
        self._renewed_ms = 0

    def new(self) -> Lease:
        return Lease(self.owner, now_ms() + LEASE_MS)

    def note(self, job_id: str, lease: Lease) -> None:
        """Records a lease that was acquired in another component's transaction."""
        with self._lock:
            self._until[job_id] = lease.until_ms

    def hold(self, job_id: str) -> bool:
        """True if this server may advance the job now."""
        if self._until.get(job_id, 0) - now_ms() > LEASE_MS // 3 and self._alive():
            return True
        lease = self.new()
        if not queue.claim(self._store, job_id, lease):
            self.drop(job_id)
            return False
        self.note(job_id, lease)
        return True

    def renew(self) -> None:
        """Renews all leases; call it often. Leases survive a step that takes long."""
        if now_ms() - self._renewed_ms < RENEW_MS:
            return
        lease = self.new()
        queue.renew(self._store, lease)
        self._renewed_ms = now_ms()
        with self._lock:
            self._until = dict.fromkeys(self._until, lease.until_ms)

    def drop(self, job_id: str) -> None:
        with self._lock:
            self._until.pop(job_id, None)
