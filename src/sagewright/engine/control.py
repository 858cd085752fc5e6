"""The engine: one thread that reconciles each active job when something happened to it, and all of them now and then."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from typing import Protocol

from sagewright.model.errors import ServiceUnavailable

log = logging.getLogger("sagewright.engine")
SWEEP_S = 1.0
GATHER_S = 0.005  # so long after a step what happens is gathered for the next one


class Reconciler(Protocol):
    """Brings jobs of one kind closer to what is wanted. Every method is idempotent and safe at any restart."""

    def recover(self) -> None:
        """Called once at start, before any other call: take up what an earlier server left."""
        ...

    def active(self) -> list[str]:
        """Ids of the jobs that are not over, in the order in which they should be looked at."""
        ...

    def reconcile(self, job_id: str) -> None:
        """One step for one job; returns soon."""
        ...


class Engine:
    """Runs reconcilers. `wake(job_id)` may be called from any thread and returns at once."""

    def __init__(self, reconcilers: list[Reconciler]) -> None:
        self._reconcilers = reconcilers
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._stopping = threading.Event()

    def start(self) -> None:
        for reconciler in self._reconcilers:
            reconciler.recover()
        self._thread.start()

    def stop(self) -> None:
        """Let the step at hand end, then no more are taken. Jobs go on."""
        self._stopping.set()
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def wake(self, job_id: str) -> None:
        self._queue.put(job_id)

    def _run(self) -> None:
        due = 0.0
        while not self._stopping.is_set():
            woken = self._woken(max(0.0, due - time.monotonic()))
            if self._stopping.is_set():
                return
            if woken:
                self._step(woken)
            if time.monotonic() >= due:
                self._step(None)
                due = time.monotonic() + SWEEP_S
            elif woken:
                self._stopping.wait(GATHER_S)

    def _woken(self, timeout_s: float) -> list[str]:
        """The jobs that something happened to, each once; none when nothing did in `timeout_s` seconds."""
        woken: dict[str, None] = {}
        with contextlib.suppress(queue.Empty):
            first = self._queue.get(timeout=timeout_s)
            while first is not None:
                woken[first] = None
                first = self._queue.get_nowait()
        return list(woken)

    def _step(self, job_ids: list[str] | None) -> None:
        for reconciler in self._reconcilers:
            try:
                for job_id in reconciler.active() if job_ids is None else job_ids:
                    self._one(reconciler, job_id)
            except ServiceUnavailable as error:
                log.warning("the sweep of %s is done later: %s", type(reconciler).__name__, error.message)
            except Exception:
                log.exception("the sweep of %s failed", type(reconciler).__name__)

    def _one(self, reconciler: Reconciler, job_id: str) -> None:
        try:
            reconciler.reconcile(job_id)
        except ServiceUnavailable as error:
            log.warning("job %s is looked at later: %s", job_id, error.message)
        except Exception:
            log.exception("reconciling %s failed", job_id)
