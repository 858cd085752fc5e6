"""The limit of predictions in the loop's thread: a loop that predicts can't end its own process."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time

TIMED_OUT = 4
"""Exit status of a worker that is replaced because a request took too long."""
_TICK_S = 0.25


def say_late(limit_s: float) -> None:
    """Logs why a worker ends, and where its threads are."""
    print(f"The model did not answer within {limit_s:g} s; its worker is replaced.", file=sys.stderr, flush=True)
    faulthandler.dump_traceback(all_threads=True)


class InlineWatch:
    """Ends the process if a prediction between `begin` and `end` exceeds the limit. Its thread starts with the first one."""

    def __init__(self, limit_s: float) -> None:
        """`limit_s`: 0 for none."""
        self._limit_s = limit_s
        self._since: float | None = None
        self._runs = False

    def begin(self) -> float:
        """Returns the time of the beginning."""
        began = self._since = time.monotonic()
        if self._limit_s and not self._runs:
            self._runs = True
            threading.Thread(target=self._watch, name="limit", daemon=True).start()
        return began

    def end(self) -> None:
        self._since = None

    def _watch(self) -> None:
        while True:
            time.sleep(_TICK_S)
            since = self._since
            if since is not None and time.monotonic() - since > self._limit_s:
                say_late(self._limit_s)
                os._exit(TIMED_OUT)
