"""The machines of a cluster, asked for when placements need them, but not each time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from sagewright.model.aws.instance_types import Resources

FRESH_S = 5.0


class ClusterMachines:
    """Calls `ask` at most once in FRESH_S, from one thread at a time. A cluster that does not answer, which `ask` reports by one of
    the exceptions `away`, has no machines."""

    def __init__(self, ask: Callable[[], Sequence[Resources]], away: tuple[type[Exception], ...]) -> None:
        self._ask, self._away = ask, away
        self._lock = threading.Lock()
        self._found: Sequence[Resources] = ()
        self._asked_at = float("-inf")

    def __call__(self) -> Sequence[Resources]:
        """Returns the resources of each usable machine."""
        with self._lock:
            if time.monotonic() - self._asked_at > FRESH_S:
                try:
                    self._found = self._ask()
                except self._away:
                    self._found = ()
                self._asked_at = time.monotonic()
            return self._found
