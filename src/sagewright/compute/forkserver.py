"""A warm process that forks agents, so that a job starts in milliseconds.

The fork server (`python -m sagewright.agent.forkserver`) has imported what an agent needs. It communicates over a socket pair whose
other end only this process holds: when the server dies, in whatever way, the fork server sees the end of the stream and ends. The
agents are in separate sessions and go on.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagewright.model import process_memory

_ANSWER_S = 30.0


class ForkServerFailed(RuntimeError):
    """The fork server could not be started or gave no answer; start the agent in another way."""


@dataclass(frozen=True)
class Cells:
    """Sandboxes kept ready for future jobs: at most `most`, each in a separate directory below `place`, on the file system of the
    hosts' directories."""

    place: Path
    most: int


class ForkServer:
    """One fork server, started on first use and again when it has died. Safe to use from many threads."""

    def __init__(self, cells: Cells | None = None) -> None:
        self._cells = cells
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def spawn(self, directory: Path) -> tuple[int, str]:
        """Starts an agent in `directory`; returns its pid, and the name of its cell's control group, if it has one.

        Raises ForkServerFailed.
        """
        answer = self._ask({"directory": str(directory)})
        return int(answer["pid"]), str(answer.get("group", ""))

    def warm(self) -> None:
        """Returns once the fork server is ready to fork. Raises ForkServerFailed."""
        self._ask({})

    def close(self) -> None:
        with self._lock:
            self._end()

    def _ask(self, request: dict[str, str]) -> dict[str, Any]:
        with self._lock:
            for attempt in (1, 2):
                try:
                    return self._exchange(request)
                except (OSError, ValueError) as error:
                    self._end()
                    # Another request could start a second agent, unless the fork server had died before the first one.
                    if attempt == 2 or not isinstance(error, BrokenPipeError):
                        raise ForkServerFailed(str(error)) from error
        raise AssertionError("unreachable")

    def _exchange(self, request: dict[str, str]) -> dict[str, Any]:
        connection = self._connection()
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            part = connection.recv(4096)
            if not part:
                raise OSError("the fork server ended without an answer")
            answer += part
        parsed: dict[str, Any] = json.loads(answer)
        if "error" in parsed:
            raise OSError(f"the fork server could not fork: {parsed['error']}")
        return parsed

    def _connection(self) -> socket.socket:
        if self._socket is not None and self._process is not None and self._process.poll() is None:
            return self._socket
        self._end()
        ours, theirs = socket.socketpair()
        ours.settimeout(_ANSWER_S)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sagewright.agent.forkserver", str(theirs.fileno()), *self._places()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                cwd="/",
            )
        process_memory.free(self._process.pid)
        self._socket = ours
        return ours

    def _places(self) -> list[str]:
        return [] if self._cells is None or self._cells.most < 1 else [str(self._cells.place), str(self._cells.most)]

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
