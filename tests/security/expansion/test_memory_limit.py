"""The server at the limit of its own memory: requests are refused, it starts again as the same process, and jobs go on."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tests.conftest import ROLE

if TYPE_CHECKING:
    from conftest import RunningServer

LIMIT_MB = 320
ROUNDS = 3
"""How often the server is overwhelmed until a client hears of it: it ends when it is near its limit for some seconds, and on a
busy machine that can be before an allocation fails.
"""

ARCHIVE = os.urandom(24 << 20)


def limit_of(pid: int) -> str:
    line = next(one for one in Path(f"/proc/{pid}/limits").read_text().splitlines() if one.startswith("Max data size"))
    return line.split()[3]


def flood(server: RunningServer, until: float, starts: int, said: list[str]) -> None:
    """Sends large requests until the server's log has the start with this number."""
    client = server.boto("lambda", config=Config(retries={"total_max_attempts": 1}, read_timeout=30))
    while time.monotonic() < until and server.log().count("starts again") < starts:
        name = f"f{threading.get_ident()}-{time.monotonic_ns()}"
        try:
            client.create_function(
                FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="a.b", Code={"ZipFile": ARCHIVE}
            )
        except (ClientError, BotoCoreError) as error:
            said.append(str(error))


def is_refusal(said: str) -> bool:
    return "(ServiceUnavailable)" in said and "server_memory_mb" in said


def overwhelm(server: RunningServer, starts: int, said: list[str]) -> None:
    """Returns once the server has started again for this number of times. `said`: the errors of its clients."""
    until = time.monotonic() + 150
    threads = [threading.Thread(target=flood, args=(server, until, starts, said)) for _ in range(10)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert server.log().count("memory stays near the limit of 320 MiB") == starts, server.log()
    while server.log().count("Sagewright answers at") <= starts:
        assert time.monotonic() < until + 60, server.log()
        time.sleep(0.1)


@pytest.fixture
def small(tmp_path: Path, server_class: type[RunningServer]) -> Iterator[RunningServer]:
    environ = {"SAGEWRIGHT_SERVER_MEMORY_MB": str(LIMIT_MB), "SAGEWRIGHT_READY_SANDBOXES": "0"}
    running = server_class(tmp_path, environ, by_command=True)
    running.start()
    try:
        yield running
    finally:
        running.kill_everything()


@pytest.mark.timeout(900)
def test_it_starts_again_and_jobs_go_on(small: RunningServer) -> None:
    assert small.process is not None
    pid, endpoint = small.process.pid, small.endpoint
    assert limit_of(pid) == str(LIMIT_MB << 20)
    small.run_shell("long", "echo begun; sleep 20; echo ended")
    small.when_logged("long", "begun")
    agents = small.agents()
    assert agents
    assert all(limit_of(agent) == "unlimited" for agent in agents)
    starts, said = 0, list[str]()
    while starts < ROUNDS and not any(is_refusal(one) for one in said):
        starts += 1
        overwhelm(small, starts, said)
    assert any(is_refusal(one) for one in said), said
    assert (small.process.poll(), small.endpoint, limit_of(pid)) == (None, endpoint, str(LIMIT_MB << 20))
    assert psutil.Process(pid).memory_info().rss < LIMIT_MB << 20
    small.when_logged("long", "ended")
    assert small.end() == 0


def test_the_front_has_a_limit_of_its_own(server_with: Callable[..., RunningServer]) -> None:
    server = server_with(SAGEWRIGHT_FRONT_MEMORY_MB="700", SAGEWRIGHT_READY_SANDBOXES="0")
    address = urlsplit((server.data / "runtime-endpoint").read_text().strip())
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=30):
        until = time.monotonic() + 30
        while not (found := server.fronts()):
            assert time.monotonic() < until
            time.sleep(0.05)
        while limit_of(found[0].pid) != str(700 << 20):
            assert time.monotonic() < until
            time.sleep(0.05)
