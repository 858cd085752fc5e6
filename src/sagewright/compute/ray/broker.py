"""The process that communicates with Ray for the server.

Ray's driver takes hundreds of MB, and ends its process when it loses its cluster. So it runs in a separate process (`python -m
sagewright.compute.ray.driver`), called over a socket pair, and restarted when it has ended.
"""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from sagewright.compute.backend import BackendUnreachable, NoBackend
from sagewright.model import process_memory

_REACH_S = 5.0
_CONNECT_S = 60.0
_TRIES = 3
_ANSWER_S = 90.0
_RETRY_S = 3.0


class RayRefused(RuntimeError):
    """Ray did not execute a request; the message says why."""


class Broker:
    """One process, one request at a time. Safe to use from many threads. `log`: where Ray's own lines go."""

    def __init__(self, address: str, log: Path) -> None:
        self._address, self._log = address, log
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._ending = threading.Event()
        self._returning: threading.Thread | None = None

    def connect(self) -> None:
        """Connects. Raises NoBackend."""
        check_installed()
        check_reachable(self._address)
        with self._lock:
            self._connect()

    def ask(self, do: str, **arguments: Any) -> Any:
        """Executes a request. Raises BackendUnreachable, RayRefused."""
        with self._lock:
            if self._socket is None:
                raise BackendUnreachable(f"the Ray cluster at {self._address} does not answer")
            try:
                answer = self._exchange({"do": do, **arguments})
            except (OSError, ValueError) as error:
                self._end()
                self._return()
                raise BackendUnreachable(
                    f"the connection to the Ray cluster at {self._address} was lost: {error}"
                ) from error
        if "refused" in answer:
            raise RayRefused(answer["refused"])
        return answer["value"]

    def close(self) -> None:
        self._ending.set()
        with self._lock:
            self._end()

    def _connect(self) -> None:
        """Connects, under the lock. Raises NoBackend."""
        for _try in range(_TRIES):
            answer = self._first_answer()
            if "refused" not in answer:
                return
            self._end()
            if not answer.get("again"):
                break
        raise NoBackend(f"The Ray cluster at {self._address} cannot be used: {answer['refused']}")

    def _first_answer(self) -> dict[str, Any]:
        ours, theirs = socket.socketpair()
        ours.settimeout(_CONNECT_S)
        with theirs, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sagewright.compute.ray.driver", self._address, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                cwd="/",
            )
        process_memory.free(self._process.pid)
        self._socket = ours
        try:
            answer = self._read()
        except (OSError, ValueError) as error:
            return {"refused": f"{error} (more is in {self._log})"}
        ours.settimeout(_ANSWER_S)
        return answer

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        """Exchanges a request for an answer, under the lock. Raises OSError, ValueError."""
        if self._socket is None:
            raise OSError("not connected")
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        return self._read()

    def _read(self) -> dict[str, Any]:
        """Reads an answer, under the lock. Raises OSError, ValueError."""
        if self._socket is None:
            raise OSError("not connected")
        answer = bytearray()
        while not answer.endswith(b"\n"):
            part = self._socket.recv(1 << 16)
            if not part:
                raise OSError("the process that talks to Ray ended without an answer")
            answer += part
        parsed: dict[str, Any] = json.loads(answer)
        return parsed

    def _return(self) -> None:
        """Reconnects in a separate thread, retrying until it works; called under the lock."""
        if self._returning is None or not self._returning.is_alive():
            self._returning = threading.Thread(target=self._try_again, name="ray-broker", daemon=True)
            self._returning.start()

    def _try_again(self) -> None:
        while not self._ending.wait(_RETRY_S):
            with suppress(NoBackend):
                check_reachable(self._address)
                with self._lock:
                    if not self._ending.is_set():
                        self._connect()
                return

    def _end(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            try:
                self._process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def check_installed() -> None:
    """Raises NoBackend if Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise NoBackend("The backend ray needs Ray, on this machine and on each node: pip install 'sagewright[ray]'.")


def check_reachable(address: str) -> None:
    """Reports quickly and clearly what Ray itself would report after minutes. Raises NoBackend."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not address or (address != "auto" and not port.isdigit()):
        raise NoBackend(f"ray_address={address!r}: must be ray://HOST:PORT, HOST:PORT or auto")
    if address == "auto":
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()
    except OSError as error:
        raise NoBackend(f"No Ray cluster can be reached at {address}: {error}") from error
