"""A program that serves until it is stopped: its health checks and restarts.

Source: AWS's developer guide, "Use your own inference code with hosting services": GET /ping, answered with 200 within two seconds.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

from sagewright.agent.control import Control
from sagewright.agent.errors import AlgorithmError
from sagewright.agent.process.process import Exit, Started
from sagewright.model.jobs.brief import EndCause
from sagewright.model.jobs.brief import HealthCheck as Asked
from sagewright.model.jobs.serving_sockets import ListeningSocket
from sagewright.upstream.blocking import BlockingUpstream
from sagewright.upstream.client import Broken, ContainerUnreachable, UpstreamRequest
from sagewright.upstream.connecting import ContainerAddress

PORT_VARIABLE, PORT = "SAGEMAKER_BIND_TO_PORT", 8080
PING_S = 2.0
BETWEEN_S = 10.0
"""Interval of pings to a healthy server."""
MISSED = 3
"""Number of consecutive failed pings after which the server is restarted."""
_OFTEN_S, _SELDOM_S, _SOON_S = 0.025, 0.5, 15.0
"""Intervals of pings to a starting server: short for the first seconds, then longer."""
_BACKOFF_S, _MOST_BACKOFF_S = 0.1, 20.0
_STEADY_S = 60.0
"""A server that was healthy for this long starts afresh when it ends."""


def ping(directory: Path, path: str = "/ping") -> bool:
    """Returns True if the server of the host in HOST_DIRECTORY reports that it is healthy. Takes at most PING_S,
    whatever the answer."""
    upstream = BlockingUpstream(ContainerAddress(directory, PING_S))
    try:
        request = UpstreamRequest("GET", path, {"Connection": "close"})
        return upstream.glance(request, PING_S).status == HTTPStatus.OK
    except (ContainerUnreachable, Broken, TimeoutError):
        return False


def listening_place(namespace: str) -> ListeningSocket:
    """Returns the listening address of a container's server: AWS's port in a private network, otherwise a port that is free now."""
    if namespace:
        return ListeningSocket(PORT, namespace)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return ListeningSocket(found.getsockname()[1])


class HealthWatch:
    """Watches one host's server. Calls `well` when it is healthy for the first time."""

    def __init__(self, directory: Path, requested: Asked, control: Control, well: Callable[[], None]) -> None:
        self._directory, self._requested, self._control, self._well = directory, requested, control, well
        self._begin = time.monotonic()
        self.ever = False
        self._since: float | None = None

    @contextmanager
    def watching(self, started: Started) -> Iterator[None]:
        """Pings while the process runs. A server that is not healthy in time fails the job; one that was is killed, to be
        restarted."""
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(started, over), name="health", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def steady(self) -> bool:
        """True if it was healthy for long before it ended."""
        return self._since is not None and time.monotonic() - self._since > _STEADY_S

    def _watch(self, started: Started, over: threading.Event) -> None:
        self._since = None
        begin = time.monotonic()
        while not over.wait(_OFTEN_S if time.monotonic() - begin < _SOON_S else _SELDOM_S):
            if ping(self._directory, self._requested.path):
                self._since = time.monotonic()
                if not self.ever:
                    self.ever = True
                    self._well()
                break
            start_s = self._requested.start_s
            if time.monotonic() - self._begin > start_s and not self.ever:
                self._control.fail(AlgorithmError(f"ping was not answered with 200 within {start_s:g} s"))
                return
        if not self._requested.lasting:
            return
        missed = 0
        while not over.wait(BETWEEN_S):
            missed = 0 if ping(self._directory, self._requested.path) else missed + 1
            if missed == MISSED:
                kill(started)
                return


def kill(started: Started) -> None:
    """Ends a server that does not answer. The process that represents a container ends it on SIGINT; a sandbox dies at once."""
    with suppress(ProcessLookupError):
        started.process.send_signal(signal.SIGINT)
    with suppress(Exception):
        started.process.wait(timeout=5)
        return
    started.process.kill()


class Restarts:
    """Delays before an ended server is restarted: longer each time, unless it was healthy for long."""

    def __init__(self, control: Control, log: Callable[[str], None]) -> None:
        self._control, self._log = control, log
        self._next_s = _BACKOFF_S

    def wait(self, ended: Exit, *, steady: bool) -> None:
        """Waits before the restart. Raises JobStopped, JobGone."""
        if steady:
            self._next_s = _BACKOFF_S
        self._log(f"The model server ended with exit code {ended.code}; it is restarted in {self._next_s:g} s.")
        until = time.monotonic() + self._next_s
        while (left := until - time.monotonic()) > 0:
            self._control.check()
            time.sleep(min(left, 0.05))
        self._next_s = min(_MOST_BACKOFF_S, self._next_s * 2)


def failed(ended: Exit) -> Exit:
    """Returns the reported exit of a server that ended before it was ever healthy: it should not have ended by itself at all."""
    return Exit(ended.code or 1, ended.cause) if ended.cause == EndCause.EXIT else ended
