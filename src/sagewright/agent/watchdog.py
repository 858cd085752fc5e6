"""The last resort for an agent stuck where nothing can interrupt it, in a read that never returns or an endless installation:
reports how its job ends, and exits.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from sagewright.agent.control import Control
from sagewright.agent.parallel import start_thread
from sagewright.sandbox.kernel import descendants

_EVERY_S = 0.5
SPARE_S = 15.0
"""Allowed delay of anything that ends by itself."""


class Watchdog:
    """`overdue_s()`: seconds since the agent should have given up its work, negative if it may go on; `last_words` are sent before
    it ends."""

    def __init__(self, control: Control, overdue_s: Callable[[], float], last_words: Callable[[], None]) -> None:
        self._control, self._overdue_s, self._last_words = control, overdue_s, last_words
        self._over = threading.Event()
        self._gone_since: float | None = None

    def start(self) -> None:
        start_thread("watchdog", self._run)

    def close(self) -> None:
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(_EVERY_S):
            if self._gone_for_s() > SPARE_S:
                self._end(0)
            elif self._overdue_s() > SPARE_S:
                sys.stderr.write("the agent is stuck beyond its deadline and exits\n")
                self._last_words()
                self._end(0)

    def _gone_for_s(self) -> float:
        if not self._control.gone:
            return 0.0
        now = time.monotonic()
        self._gone_since = self._gone_since or now
        return now - self._gone_since

    def _end(self, status: int) -> None:
        end_descendants()
        os._exit(status)


def end_descendants() -> None:
    """Kills everything that this agent has started."""
    for pid in descendants(os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
