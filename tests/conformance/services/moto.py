"""moto's server, started as its users start it."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from services.target import Target

ENVIRONMENT = Path(__file__).parents[3] / ".cache" / "clients" / "moto"
ACCOUNT = "123456789012"
START_S = 60


def version() -> str:
    (found,) = ENVIRONMENT.glob("lib/python*/site-packages/moto-*.dist-info")
    return found.name.removeprefix("moto-").removesuffix(".dist-info")


class Moto:
    def __init__(self, directory: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [str(ENVIRONMENT / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
        with (directory / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory)
        self._endpoint = f"http://127.0.0.1:{port}"

    def start(self) -> Target:
        deadline = time.monotonic() + START_S
        while True:
            try:
                urllib.request.urlopen(f"{self._endpoint}/moto-api/", timeout=5).close()
                return Target("moto", self._endpoint, "AKIAIOSFODNN7EXAMPLE", "secret", ACCOUNT)
            except OSError:
                assert self._process.poll() is None and time.monotonic() < deadline, "moto did not start"
                time.sleep(0.1)

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
