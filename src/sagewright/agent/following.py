"""A server that serves another host beside it: it ends when that host does."""

from __future__ import annotations

import threading
import time

from sagewright.agent.control import Control
from sagewright.agent.hostfile import HostFile
from sagewright.model.jobs.agent_marks import has_ended

_LOOK_S = 0.1
_COMES_S = 120.0
"""Time within which the other host must begin: without it the server has no caller."""


class Following:
    """Runs in a separate thread until the other host is over; then ends this host's process, which counts as success."""

    def __init__(self, host: HostFile, control: Control) -> None:
        self._other, self._control = host.directory.parent / host.brief.follows, control
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="following", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()

    def _run(self) -> None:
        until = time.monotonic() + _COMES_S
        while not self._closed.wait(_LOOK_S):
            ended = has_ended(self._other)
            if ended or (ended is None and time.monotonic() > until):
                self._control.finish()
                return
