"""Inference components when processes die: the server, and a copy's agent and process."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tests.components import Components

if TYPE_CHECKING:
    from conftest import RunningServer


@pytest.fixture
def hosting(own_server: RunningServer) -> Components:
    own_server.start()
    return Components(own_server)


def answered(hosting: Components, endpoint: str, component: str, timeout_s: float = 30) -> str:
    """The answer, once there is one."""
    until = time.monotonic() + timeout_s
    while True:
        try:
            return hosting.ask(endpoint, InferenceComponentName=component)
        except (ClientError, BotoCoreError):
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def test_a_killed_server_and_killed_copies(hosting: Components) -> None:
    """A server that is killed while a component is Creating makes it; a copy whose process or agent dies comes back."""
    hosting.model("kept")
    hosting.model("begun")
    hosting.host("shared")
    before = hosting.component("kept", "shared")
    agents = hosting.server.agents()
    hosting.create("begun", "shared")
    hosting.server.end(signal.SIGKILL)
    hosting.server.start()
    again = Components(hosting.server)
    assert answered(again, "shared", "kept") == "kept x"
    description = again.described("kept")
    same = ("Specification", "RuntimeConfig", "CreationTime", "InferenceComponentStatus")
    assert [description[name] for name in same] == [before[name] for name in same]
    assert set(agents) <= set(again.server.agents()), "the model went on without the server"
    assert again.settled_component("begun")["RuntimeConfig"]["CurrentCopyCount"] == 1
    assert answered(again, "shared", "begun") == "begun x"
    (agent,) = agents
    for process in psutil.Process(agent).children(recursive=True):
        if not process.children():  # the model's server itself: its agent starts it again
            process.kill()
    assert answered(again, "shared", "kept", 60) == "kept x"
    os.kill(agent, signal.SIGKILL)
    assert answered(again, "shared", "kept", 60) == "kept x"
    until = time.monotonic() + 60
    while again.described("kept")["RuntimeConfig"]["CurrentCopyCount"] != 1:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert agent not in again.server.agents()
    again.delete_all()
    until = time.monotonic() + 100
    while again.server.agents() or (left := left_beside_logs(again)):
        assert time.monotonic() < until, (again.server.agents(), left)
        time.sleep(0.1)


def left_beside_logs(hosting: Components) -> list[Path]:
    """The log of a vanished agent is kept."""
    return [
        path
        for place in hosting.server.left_of_jobs()
        for path in place.rglob("*")
        if not path.is_dir() and path.name != "agent.log"
    ]
