"""The engine: reconciles a subject when something happens to it, at times that it requested, and periodically."""

from __future__ import annotations

import heapq
import logging
import math
import threading
import time
from typing import NamedTuple, Protocol, runtime_checkable

from sagewright.engine.keyed_pool import KeyedPool
from sagewright.model.errors import ServiceUnavailable

log = logging.getLogger("sagewright.engine")
SWEEP_S = 1.0
TICK_S = 0.05
TOGETHER_S = 0.02
"""Time after a new subject in which others wait to be scheduled together: threads that wake for each of them take the interpreter
from the requests that create them."""

THREADS = 8
"""A step may wait for a process that is being killed, a container engine or a cluster; it delays only its own subject."""


class Reconciler(Protocol):
    """Brings subjects of some kinds closer to their desired state.

    Every method is idempotent and safe at any restart. Two steps for one subject never run at the same time in one server.
    """

    kinds: tuple[str, ...]

    def active(self) -> list[tuple[str, str]]:
        """Returns kinds and ids of unfinished subjects, in the order in which to reconcile them."""
        ...

    def reconcile(self, subject_id: str) -> None:
        """Runs one step for one subject."""
        ...


@runtime_checkable
class Recovering(Protocol):
    """A reconciler that resumes the work of an earlier server at its server's start."""

    def recover(self) -> None:
        """Called once, before any other call. Idempotent."""
        ...


class Subject(NamedTuple):
    """The subject of a reconcile."""

    kind: str
    id: str


class Engine:
    """Runs reconcilers. `wake` and `wake_after` may be called from any thread and return at once."""

    def __init__(self) -> None:
        self._reconcilers: list[Reconciler] = []
        self._by_kind: dict[str, Reconciler] = {}
        self._pool: KeyedPool[Subject] = KeyedPool("engine", THREADS, self._step)
        self._own_pools: dict[str, KeyedPool[Subject]] = {}
        self._timers: list[tuple[float, Subject]] = []
        self._scheduled: set[tuple[float, Subject]] = set()
        self._new: dict[Subject, None] = {}
        self._new_due = -math.inf
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="engine-timers", daemon=True)

    def add(self, reconciler: Reconciler, own_threads: int = 0) -> None:
        """Adds a reconciler; call it before `start`. `own_threads`: number of threads dedicated to it, if its waits must not delay
        others."""
        self._reconcilers.append(reconciler)
        self._by_kind |= dict.fromkeys(reconciler.kinds, reconciler)
        if own_threads:
            pool = KeyedPool(f"engine-{reconciler.kinds[0]}", own_threads, self._step)
            self._own_pools |= dict.fromkeys(reconciler.kinds, pool)

    def start(self) -> None:
        for reconciler in self._reconcilers:
            if isinstance(reconciler, Recovering):
                reconciler.recover()
        self._thread.start()

    def stop(self) -> None:
        """Lets running steps end and starts no more. Jobs go on."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=30)
        for pool in (self._pool, *set(self._own_pools.values())):
            pool.close(timeout_s=30)

    def wake(self, kind: str, subject_id: str) -> None:
        """Schedules a reconcile because something happened to the subject."""
        self._put(Subject(kind, subject_id))

    def wake_new(self, subject: Subject, together: Subject) -> None:
        """`wake` for a subject that was just created, at once; if one was created TOGETHER_S ago or less, schedules `together`
        instead, when that time is over: the subject for all of those."""
        now = time.monotonic()
        with self._changed:
            waits = now < self._new_due
            if not waits:
                self._new_due = now + TOGETHER_S
            elif together not in self._new:
                self._new[together] = None
                self._changed.notify_all()
        if not waits:
            self._put(subject)

    def wake_after(self, delay_s: float, kind: str, subject_id: str) -> None:
        """Schedules a reconcile after `delay_s`, at most TICK_S later. Repeated requests for the same time count once."""
        due = time.monotonic() + delay_s
        if delay_s > TICK_S:
            due = math.ceil(due / TICK_S) * TICK_S
        timer = due, Subject(kind, subject_id)
        with self._changed:
            if timer not in self._scheduled:
                self._scheduled.add(timer)
                heapq.heappush(self._timers, timer)
                self._changed.notify_all()

    def _put(self, subject: Subject) -> None:
        self._own_pools.get(subject.kind, self._pool).put(subject)

    def _run(self) -> None:
        due = time.monotonic()
        while True:
            with self._changed:
                if self._stopping:
                    return
                now = time.monotonic()
                while self._timers and self._timers[0][0] <= now:
                    timer = heapq.heappop(self._timers)
                    self._scheduled.discard(timer)
                    self._put(timer[1])
                self._put_new(now)
                if now < due:
                    until = min(due, self._timers[0][0] if self._timers else due, self._new_due if self._new else due)
                    self._changed.wait(until - now)
                    continue
            self._sweep()
            due = time.monotonic() + SWEEP_S

    def _put_new(self, now: float) -> None:
        """Schedules what stands for new subjects, once they have waited long enough."""
        if not self._new or now < self._new_due:
            return
        self._new_due = now + TOGETHER_S
        new, self._new = self._new, {}
        for subject in new:
            self._put(subject)

    def _sweep(self) -> None:
        for reconciler in self._reconcilers:
            try:
                for kind, subject_id in reconciler.active():
                    self._put(Subject(kind, subject_id))
            except ServiceUnavailable as error:
                log.warning("the sweep of %s is done later: %s", type(reconciler).__name__, error.message)
            except Exception:
                log.exception("the sweep of %s failed", type(reconciler).__name__)

    def _step(self, subject: Subject) -> None:
        try:
            self._by_kind[subject.kind].reconcile(subject.id)
        except ServiceUnavailable as error:
            log.warning("%s %s is looked at later: %s", subject.kind, subject.id, error.message)
        except Exception:
            log.exception("reconciling %s %s failed", subject.kind, subject.id)
