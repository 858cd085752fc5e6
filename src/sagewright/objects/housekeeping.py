"""Maintenance of an embedded store: one thread that runs tasks, each at its own interval."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sagewright.model.errors import ServiceUnavailable

log = logging.getLogger("sagewright.objects.housekeeping")
SHORTEST_WAIT_S = 0.05


@dataclass(frozen=True)
class Chore:
    """A task that runs at the start, and again `interval_s` seconds after each end."""

    name: str
    interval_s: float
    act: Callable[[], object]


class Housekeeper:
    """Runs `chores` one after the other. A failure is logged, and the chore runs again at its next time."""

    def __init__(self, chores: Sequence[Chore], stop: threading.Event) -> None:
        self._chores, self._stop = chores, stop
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Stops the chores, and waits for the one in progress."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due = [0.0 for _ in self._chores]
        while not self._stop.is_set():
            for number, chore in enumerate(self._chores):
                if due[number] <= time.monotonic() and not self._stop.is_set():
                    self._do(chore)
                    due[number] = time.monotonic() + chore.interval_s
            self._stop.wait(max(SHORTEST_WAIT_S, min(due, default=3600.0) - time.monotonic()))

    def _do(self, chore: Chore) -> None:
        try:
            chore.act()
        except ServiceUnavailable as error:
            log.warning("%s is done later: %s", chore.name, error.message)
        except Exception:
            log.exception("%s failed", chore.name)
