"""A model's server in a separate process, as the agent starts it, and a client of it over its Unix socket."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATH = os.pathsep.join(map(str, (ROOT / "src", ROOT / "packages" / "sagewright-inference" / "src")))
START_S = 60.0


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]


class OverSocket(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, path: Path, timeout_s: float = 30) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        here = os.open(self._path.parent, os.O_RDONLY)
        try:  # its path may be longer than a socket's may be
            self.sock.connect(f"/proc/self/fd/{here}/{self._path.name}")
        finally:
            os.close(here)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.request(method, path, body, named)
        answer = self.getresponse()
        return Answer(answer.status, answer.read(), dict(answer.getheaders()))

    def invoke(self, body: bytes, content_type: str = "application/json", accept: str = "", **headers: str) -> Answer:
        if accept:
            headers["Accept"] = accept
        return self.ask("POST", "/invocations", body, Content_Type=content_type, **headers)


class ModelServer:
    """`root` stands for /opt/ml. `log` is what it has said."""

    def __init__(self, root: Path, *command: str, **environment: str) -> None:
        self.socket = root / "serving" / "http.sock"
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        self._log = root / "serving" / "log"
        variables = {
            **os.environ,
            "PYTHONPATH": PATH,
            "PYTHONUNBUFFERED": "1",
            "SAGEWRIGHT_ML_ROOT": str(root),
            "SAGEWRIGHT_SERVE_SOCKET": str(self.socket),
            **environment,
        }
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command], env=variables, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def connection(self, timeout_s: float = 30) -> OverSocket:
        return OverSocket(self.socket, timeout_s)

    def wait(self) -> ModelServer:
        """Until the model is loaded in every worker."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                pytest.fail(f"It ended with {self.process.returncode}:\n{self.log}")
            try:
                if self.ask("GET", "/ping").status == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.02)
        pytest.fail(f"It is not ready:\n{self.log}")

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = self.connection()
        try:
            return connection.ask(method, path, body, **headers)
        finally:
            connection.close()

    def invoke(self, body: bytes, content_type: str = "application/json", accept: str = "", **headers: str) -> Answer:
        connection = self.connection()
        try:
            return connection.invoke(body, content_type, accept, **headers)
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """Their process ids."""
        tasks = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(each) for each in tasks.split()]

    def ended(self, timeout_s: float = START_S) -> int:
        """The exit status, once it is there."""
        return self.process.wait(timeout_s)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.ended(20)

    def kill(self) -> None:
        if self.process.poll() is None:
            for worker in self.workers():
                os.kill(worker, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
