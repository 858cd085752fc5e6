"""`python -m sagewright.sandbox.containers.process SOCKET CONTAINER [podman]`: represents a container as a process.

Its output and exit code are the container's. SIGTERM goes to the container's first process; when the agent dies, or on SIGINT, the
container is killed. Imports only a few modules of the standard library, since each job waits for this start.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from pathlib import Path
from socket import socket

from sagewright.sandbox.containers.engine import ContainerEngine, EngineFailed

_PR_SET_PDEATHSIG = 1
_HEADER = 8  # of a frame: stream, three zeros, length
_REFUSED = 125  # exit code of `docker run` when the container could not be started


class _Container:
    def __init__(self, engine: ContainerEngine, name: str, *, podman: bool) -> None:
        self._engine = engine
        self._podman = podman
        self._path = f"/containers/{name}"
        self._name = name
        self._requested: signal.Signals | None = None

    def run(self) -> int:
        """Starts the container, forwards its output until its end, and returns its exit code."""
        if self._podman:  # which would never answer an attach to a container that cannot be started
            self._engine.call("POST", f"/v4.0.0/libpod{self._path}/init")
        output, early = self._engine.attach(self._name)
        self._engine.call("POST", f"{self._path}/start")
        if self._requested:  # requested before it ran
            self.send(self._requested)
        _hand_on(output, early)
        code = int(self._engine.call("POST", f"{self._path}/wait", timeout_s=None)["StatusCode"])
        if self._engine.call("GET", f"{self._path}/json")["State"].get("OOMKilled"):
            limit = os.environ.get("MEMORY_GB", "")
            _write(2, f"The container needed more than its {limit} GiB of memory and was killed.\n".encode())
        return code

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to its first process."""
        self._requested = number
        try:
            self._engine.call("POST", f"{self._path}/kill?signal={int(number)}")
        except EngineFailed as error:
            if error.status not in {404, 409, 500}:  # it has ended, or does not run yet
                _write(2, f"The container could not be sent signal {number}: {error}\n".encode())


def _hand_on(output: socket, early: bytes) -> None:
    """Copies the engine's frames to our standard output and error."""
    data = bytearray(early)
    while True:
        while len(data) >= _HEADER and len(data) >= _HEADER + (length := int.from_bytes(data[4:_HEADER], "big")):
            _write(2 if data[0] == 2 else 1, bytes(data[_HEADER : _HEADER + length]))
            del data[: _HEADER + length]
        part = output.recv(1 << 16)
        if not part:
            return
        data += part


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def main() -> int:
    container = _Container(ContainerEngine(Path(sys.argv[1])), sys.argv[2], podman=sys.argv[3:] == ["podman"])
    requested: dict[int, signal.Signals] = {
        signal.SIGTERM: signal.SIGTERM,
        signal.SIGINT: signal.SIGKILL,
        signal.SIGUSR1: signal.SIGKILL,
    }
    signal.pthread_sigmask(signal.SIG_BLOCK, requested)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1, 0, 0, 0)

    def forward() -> None:
        while True:
            container.send(requested[signal.sigwait(requested)])

    threading.Thread(target=forward, daemon=True).start()
    try:
        return container.run()
    except (EngineFailed, OSError) as error:
        os.write(2, f"The container could not be started: {error}\n".encode())
        return _code_of(str(error))


def _code_of(refusal: str) -> int:
    """Returns the exit code of `docker run`: 127 without the program, 126 if it cannot be executed, otherwise 125."""
    text = refusal.lower()
    if "not found" in text or "no such file" in text:
        return 127
    return 126 if "permission denied" in text or "exec format" in text else _REFUSED


if __name__ == "__main__":
    os._exit(main())
