"""A server that was started as a fork: see serverforks.py."""

from __future__ import annotations

import functools
import itertools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("serverforks.py")


class ForkedServer:
    """The part of `subprocess.Popen` that tests use, for a process that is another one's child."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0
        self.returncode: int | None = None
        self.started, self.ended = threading.Event(), threading.Event()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if not self.ended.wait(timeout):
            raise subprocess.TimeoutExpired(f"server {self.pid}", timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)


class ServerForks:
    """The process that has imported a server, and those that were forked of it."""

    def __init__(self) -> None:
        command = [sys.executable, str(PROGRAM)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._numbers = itertools.count(1)
        self._servers: dict[int, ForkedServer] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, argv: list[str], cwd: Path, environ: dict[str, str], log: Path) -> ForkedServer:
        server = ForkedServer(next(self._numbers))
        self._servers[server.number] = server
        asked = {"number": server.number, "argv": argv, "cwd": str(cwd), "environ": environ, "log": str(log)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        assert server.started.wait(60), "the process that forks servers is gone"
        return server

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said: dict[str, Any] = json.loads(line)
            server = self._servers[said["number"]]
            if "pid" in said:
                server.pid = said["pid"]
                server.started.set()
            else:
                server.returncode = said["status"]
                server.ended.set()


@functools.cache
def server_forks() -> ServerForks:
    """One for a process of tests."""
    return ServerForks()
