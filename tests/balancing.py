"""Two servers on one PostgreSQL store behind HAProxy, which gives each request to the other server than the one before. They are
started as users start them: a fork of a test process could keep the connections of a killed server open.

With `pytest --balanced tests/contract/…` they take the place of the one server of contract tests: what a server keeps to itself
fails these.
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, RunningServer

BACK_S = 20
PAGE = ROOT / "docs" / "how-to" / "run-several-servers.md"


def configuration(port: int, servers: Sequence[str]) -> str:
    """Returns the page's configuration of HAProxy, with these addresses."""
    block = re.search(r"```text\n(defaults.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    text = re.sub(r"^    server .*\n", "", block[1], flags=re.MULTILINE)
    assert "bind :4700" in text
    lines = (f"    server s{number} {address}\n" for number, address in enumerate(servers))
    return text.replace("bind :4700", f"bind 127.0.0.1:{port}") + "".join(lines)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@dataclass
class BalancedServers(RunningServer):
    """Servers behind one URL. `data`: the folder of a client: URL and credentials."""

    store: str = ""
    servers: list[RunningServer] = field(default_factory=list)
    keeper: RunningServer | None = None
    balancer: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.keeper = RunningServer(_folder(self.data / "objects"))
        self.keeper.start()
        shared = {
            "SAGEWRIGHT_DATABASE": self.store,
            "SAGEWRIGHT_OBJECTS": self.keeper.endpoint.replace("http://", "s3://"),
            "SAGEWRIGHT_OBJECTS_CREDENTIALS": str(self.keeper.data / "credentials"),
            **self.environ,
        }
        for name in ("one", "other"):
            folder = _folder(self.data / name)
            if self.servers:
                shutil.copy(self.servers[0].data / "master.key", folder)
            self.servers.append(RunningServer(folder, shared, by_command=True, port=free_port()))
            self.servers[-1].start()
        self._balance()
        shutil.copy(self.servers[0].data / "credentials", self.data / "credentials")
        self.process = self.servers[0].process

    def _balance(self) -> None:
        port = free_port()
        file = self.data / "haproxy.cfg"
        file.write_text(configuration(port, [one.endpoint.removeprefix("http://") for one in self.servers]))
        program = shutil.which("haproxy") or "/usr/sbin/haproxy"
        with (self.data / "haproxy.log").open("ab") as log:
            self.balancer = subprocess.Popen([program, "-db", "-f", str(file)], stdout=log, stderr=log)
        deadline = time.monotonic() + BACK_S
        while not _listens(port):
            assert time.monotonic() < deadline, (self.data / "haproxy.log").read_text()
            time.sleep(0.05)
        (self.data / "endpoint").write_text(f"http://127.0.0.1:{port}\n")

    def log(self) -> str:
        return "\n".join(one.log() for one in self.servers)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.end_warm()
        return max(one.end(number) for one in self.servers)

    def fronts(self) -> list[Any]:
        return [front for one in self.servers for front in one.fronts()]

    def kill_everything(self) -> None:
        if self.balancer is not None:
            self.balancer.kill()
            self.balancer.wait()
        for one in (*self.servers, *([self.keeper] if self.keeper else [])):
            one.kill_everything()


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
