"""Use of a host's share: CPU and memory of its processes, by their control group, or by their sum where there is none.

Names and units are those of SageMaker's instance metrics. Source: AWS's "Monitor Amazon SageMaker AI with CloudWatch", jobs and
endpoints metrics: CPUUtilization is up to 100 a CPU, MemoryUtilization is a share of the instance's memory.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from sagewright.agent.process.share import HostShare

PACE = ((120.0, 0.9), (600.0, 5.0), (float("inf"), 15.0))
"""Seconds between two samples, by the age of the host in seconds."""
PROCESSES_S = 5.0
"""Least time between samples that go over all processes."""
CPU, MEMORY = "CPUUtilization", "MemoryUtilization"


class UsageMeter:
    """Samples at most as often as PACE says. `sample` is quick, and never raises."""

    def __init__(self, share: HostShare, now: Callable[[], float] = time.monotonic) -> None:
        self._share, self._now = share, now
        self._began = self._sampled = now()
        self._cpu_s: float | None = None

    def sample(self) -> list[tuple[str, float]]:
        """Returns names and values, or nothing if it is too early."""
        now = self._now()
        passed = now - self._sampled
        if passed < next(pause for age, pause in PACE if now - self._began < age):
            return []
        used = self._share.used()
        if used is None and passed < PROCESSES_S:
            return []
        cpu_s, memory = used or of_processes()
        before, self._cpu_s, self._sampled = self._cpu_s, cpu_s, now
        values = [(MEMORY, 100 * memory / self._share.memory_bytes)] if memory else []
        if before is not None and cpu_s >= before:
            values.insert(0, (CPU, 100 * (cpu_s - before) / passed))
        return values


def of_processes() -> tuple[float, int]:
    """Returns the CPU seconds and resident bytes of this process's descendants."""
    cpu_s, memory = 0.0, 0
    with suppress(psutil.Error):
        for process in psutil.Process(os.getpid()).children(recursive=True):
            with suppress(psutil.Error):
                times = process.cpu_times()
                cpu_s += times.user + times.system
                memory += process.memory_info().rss
    return cpu_s, memory
