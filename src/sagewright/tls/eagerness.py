"""The CPU scheduling of the process that ends TLS, by its load."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time

SAMPLE, SAMPLE_S = 256, 0.25
"""Number of reads, and interval, after which the door compares its rate with BUSY and CALM."""
BUSY, CALM = 4000.0, 2000.0
"""Reads a second, of both sides, from which the door is busy, and below which it is calm again. A client that sends one request
after the other, as SDKs do, makes fewer."""


class Eagerness:
    """How soon the door gets the CPU when bytes arrive. A calm door gets it at once. A busy one lets the server answer several
    requests first, and then passes on all answers together, which takes a quarter to a third less CPU time; a single request
    would wait longer.
    """

    def __init__(self) -> None:
        self._reads = 0
        self._since = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_busy(self) -> bool:
        return self._timer is not None

    def count(self) -> None:
        """Counts a read."""
        self._reads += 1
        if self._reads == SAMPLE and not self.is_busy and self._rate() > BUSY:
            self._schedule(os.SCHED_BATCH)
            self._look_later()

    def _rate(self) -> float:
        """Returns the reads a second since the last call."""
        now = time.monotonic()
        rate = self._reads / max(now - self._since, 1e-6)
        self._reads, self._since = 0, now
        return rate

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(SAMPLE_S, self._look)

    def _look(self) -> None:
        if self._rate() >= CALM:
            self._look_later()
            return
        self._timer = None
        self._schedule(os.SCHED_OTHER)

    @staticmethod
    def _schedule(policy: int) -> None:
        with contextlib.suppress(OSError):  # a container may forbid it
            os.sched_setscheduler(0, policy, os.sched_param(0))
