"""A pool of threads that work on subjects concurrently, and never two on the same one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

log = logging.getLogger("sagewright.engine")
K = TypeVar("K", bound=Hashable)


class KeyedPool(Generic[K]):
    """Calls `work(key)` soon after `put(key)`, once however often it was put in the meantime. Safe to use from many threads."""

    def __init__(self, name: str, threads: int, work: Callable[[K], None]) -> None:
        self._name, self._most, self._work = name, threads, work
        self._changed = threading.Condition()
        self._waiting: dict[K, None] = {}
        self._running: set[K] = set()
        self._again: set[K] = set()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._roused = False
        self._ended = False

    def put(self, key: K) -> None:
        """Never blocks. A key that is being worked on is worked on once more; after `close` keys are ignored."""
        with self._changed:
            if self._ended:
                return
            if key in self._running:
                self._again.add(key)
                return
            self._waiting[key] = None
            self._wake()

    def close(self, timeout_s: float) -> None:
        """Lets running work end, and starts no more."""
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._again.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout_s)

    def _wake(self) -> None:
        """Rouses an idle thread, unless one is on its way: that one rouses the next if there is more to do."""
        if self._roused:
            return
        if self._idle:
            self._roused = True
            self._changed.notify()
        elif len(self._threads) < self._most:
            thread = threading.Thread(target=self._run, name=f"{self._name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self) -> None:
        while (key := self._next()) is not None:
            try:
                self._work(key)
            except Exception:
                log.exception("%s: %s failed", self._name, key)
            self._done(key)

    def _next(self) -> K | None:
        with self._changed:
            self._idle += 1
            while not self._waiting and not self._ended:
                self._changed.wait()
                self._roused = False
            self._idle -= 1
            if self._ended:
                return None
            key = next(iter(self._waiting))
            del self._waiting[key]
            self._running.add(key)
            if self._waiting:
                self._wake()
            return key

    def _done(self, key: K) -> None:
        with self._changed:
            self._running.discard(key)
            if key in self._again:
                self._again.discard(key)
                self._waiting[key] = None
                self._wake()
