"""Bounds on recorded failures: a client that fails again and again fills neither the trail nor the disk."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

STRANGER = ""
"""The caller of a request without a valid signature."""
BURST, A_MINUTE = 120, 60.0
"""Recorded failures of one caller: at once, and in the long run."""
MOST_CALLERS = 1024


class FailureBudget:
    """A token bucket for each caller; all unauthenticated callers share one. Counts the omitted records."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._left_out: dict[str, int] = {}

    def spend(self, caller: str) -> int | None:
        """Returns the number of failures that were left out since the last one recorded; None if this one is to be, too."""
        now = self._clock()
        with self._lock:
            tokens, at = self._buckets.pop(caller, (float(BURST), now))
            tokens = min(BURST, tokens + (now - at) * A_MINUTE / 60)
            self._buckets[caller] = (tokens - 1 if tokens >= 1 else tokens, now)
            if len(self._buckets) > MOST_CALLERS:
                gone, _ = self._buckets.popitem(last=False)
                self._left_out.pop(gone, None)
            if tokens >= 1:
                return self._left_out.pop(caller, 0)
            self._left_out[caller] = self._left_out.get(caller, 0) + 1
            return None
