"""How long an agent goes on: what StopTrainingJob, SIGTERM and MaxRuntimeInSeconds leave it for what it does.

Until the process runs, all work ends at once. The process has its grace. What comes then, to bring checkpoints and artefacts
to S3, is not cut short by the end of a job that nobody stopped. After a stop, or when the job's time is over, it has the grace
once more and a second for each 32 MiB that there is to bring; then the job ends without the rest.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from sagewright.agent.control import Control
from sagewright.agent.errors import TooLate

BYTES_PER_S = 32 << 20


class HostPatience:
    """For one host. `away()`: whether the server does not answer; that time does not count, nothing could be brought in it.

    Safe to use from many threads.
    """

    def __init__(self, control: Control, grace_s: float, away: Callable[[], bool]) -> None:
        self._control, self._grace_s, self._away = control, grace_s, away
        self._since: float | None = None
        self._bytes = 0
        self._away_s = 0.0
        self._seen = 0.0

    @property
    def begun(self) -> bool:
        return self._since is not None

    def begin(self) -> None:
        """The process has ended, or what is to be done after it begins anew."""
        self._away_s, self._bytes = 0.0, 0
        self._since = self._seen = time.monotonic()

    def allow(self, size: int) -> None:
        """So many bytes are to be brought."""
        self._bytes += size

    def check(self) -> None:
        """Raises Gone, or TooLate."""
        self._control.check_gone()
        if self._control.leaving or self.left_s() < 0:
            raise TooLate

    def left_s(self) -> float:
        """Infinite while nothing limits it."""
        now, requested = time.monotonic(), self._control.over_since()
        if self._since is None:
            return math.inf
        if self._away():
            self._away_s += now - self._seen
        self._seen = now
        if requested is None:
            return math.inf
        return max(requested, self._since) + self._grace_s + self._bytes / BYTES_PER_S + self._away_s - now
