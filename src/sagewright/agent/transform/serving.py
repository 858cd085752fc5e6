"""A program that serves until it is stopped: when it is well, and how it is started again.

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
"""Between two pings of a server that is well."""
MISSED = 3
"""So many pings in a row without a good answer, and the server is started anew."""
_OFTEN_S, _SELDOM_S, _SOON_S = 0.025, 0.5, 15.0
"""Between two pings of a server that starts: often as long as it may come up soon."""
_BACKOFF_S, _MOST_BACKOFF_S = 0.1, 20.0
_STEADY_S = 60.0
"""A server that was well for so long has a new beginning when it ends."""


def ping(directory: Path, path: str = "/ping") -> bool:
    """Whether the server of the host in HOST_DIRECTORY reports that it is well. Takes PING_S at most, whatever it answers."""
    upstream = BlockingUpstream(ContainerAddress(directory, PING_S))
    try:
        request = UpstreamRequest("GET", path, {"Connection": "close"})
        return upstream.glance(request, PING_S).status == HTTPStatus.OK
    except (ContainerUnreachable, Broken, TimeoutError):
        return False


def listening_place(namespace: str) -> ListeningSocket:
    """Where a container's server is to listen: on AWS's port in a network of its own; without one on a port that is free now."""
    if namespace:
        return ListeningSocket(PORT, namespace)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return ListeningSocket(found.getsockname()[1])


class HealthWatch:
    """Of one host's server. `well` is called when it is well for the first time."""

    def __init__(self, directory: Path, requested: Asked, control: Control, well: Callable[[], None]) -> None:
        self._directory, self._requested, self._control, self._well = directory, requested, control, well
        self._begin = time.monotonic()
        self.ever = False
        self._since: float | None = None

    @contextmanager
    def watching(self, started: Started) -> Iterator[None]:
        """Pings while the process runs. One that is not well in time fails the job; one that was is killed, to be started again."""
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(started, over), name="health", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def steady(self) -> bool:
        """Whether it was well for long before it ended."""
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
    """End a server that does not answer. The process that stands for a container ends it at SIGINT; a sandbox dies at once."""
    with suppress(ProcessLookupError):
        started.process.send_signal(signal.SIGINT)
    with suppress(Exception):
        started.process.wait(timeout=5)
        return
    started.process.kill()


class Restarts:
    """How long to wait before a server that has ended is started again: longer each time, unless it was well for long."""

    def __init__(self, control: Control, log: Callable[[str], None]) -> None:
        self._control, self._log = control, log
        self._next_s = _BACKOFF_S

    def wait(self, ended: Exit, *, steady: bool) -> None:
        """Raises Stopped, Gone."""
        if steady:
            self._next_s = _BACKOFF_S
        self._log(f"The model server ended with exit code {ended.code}; it is started again in {self._next_s:g} s.")
        until = time.monotonic() + self._next_s
        while (left := until - time.monotonic()) > 0:
            self._control.check()
            time.sleep(min(left, 0.05))
        self._next_s = min(_MOST_BACKOFF_S, self._next_s * 2)


def failed(ended: Exit) -> Exit:
    """How a server that ended before it was ever well is reported: it was not to end by itself at all."""
    return Exit(ended.code or 1, ended.cause) if ended.cause == EndCause.EXIT else ended
