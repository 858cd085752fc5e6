"""Time limits of an agent: what StopTrainingJob, SIGTERM and MaxRuntimeInSeconds allow it for each stage.

Until the process runs, all work ends at once. The process has its grace period. The upload of checkpoints and artefacts that
follows is not limited if the job was not stopped. After a stop or the job's time limit, it has the grace period once more plus a
second per 32 MiB to upload; then the job ends without the rest.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from sagewright.agent.control import Control
from sagewright.agent.errors import TooLate

BYTES_PER_S = 32 << 20


class HostPatience:
    """The time limits of one host. `away()`: True while the server is unreachable; that time does not count, since nothing can be
    uploaded.

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
        """Starts the clock: the process has ended, or the work after it begins again."""
        self._away_s, self._bytes = 0.0, 0
        self._since = self._seen = time.monotonic()

    def allow(self, size: int) -> None:
        """Allows time for an upload of `size` bytes."""
        self._bytes += size

    def check(self) -> None:
        """Raises JobGone, or TooLate."""
        self._control.check_gone()
        if self._control.leaving or self.left_s() < 0:
            raise TooLate

    def left_s(self) -> float:
        """Returns the seconds left; infinite while nothing limits it."""
        now, requested = time.monotonic(), self._control.over_since()
        if self._since is None:
            return math.inf
        if self._away():
            self._away_s += now - self._seen
        self._seen = now
        if requested is None:
            return math.inf
        return max(requested, self._since) + self._grace_s + self._bytes / BYTES_PER_S + self._away_s - now
