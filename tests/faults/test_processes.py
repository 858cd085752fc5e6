"""Our processes by their titles: what is left of them after each kind of end, and agents that are asked to end without a server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from tests.hosting import Hosting
from tests.readiness import until_ready

from sagewright.model import titles
from sagewright.model.titles import Running
from sagewright.sandbox.kernel import runs

if TYPE_CHECKING:
    from conftest import RunningServer

TOLD = "was stopped from outside (SIGTERM to its agent)"
HANDLER = "trap 'echo asked to end; exit 0' TERM; echo started; while true; do sleep 0.1; done"


def kinds(server: RunningServer) -> dict[str, int]:
    """How many there are of each; of those that may be several, 1."""
    found = Counter(one.kind for one in titles.running(server.data))
    return {kind: 1 if kind in {titles.SANDBOX, titles.MODEL_SERVER} else number for kind, number in found.items()}


def until(server: RunningServer, expected: dict[str, int], timeout_s: float = 40) -> None:
    deadline = time.monotonic() + timeout_s
    while kinds(server) != expected:
        assert time.monotonic() < deadline, kinds(server)
        time.sleep(0.1)


def agent_of(server: RunningServer, job: str) -> Running:
    (found,) = [one for one in titles.running(server.data) if one.kind == titles.AGENT and one.job == job]
    return found


def test_titles_and_what_is_left_after_each_kind_of_end(own_server: RunningServer) -> None:
    own_server.by_command = True
    own_server.environ = {"SAGEWRIGHT_CAPACITY_CPUS": "16", "SAGEWRIGHT_CAPACITY_MEMORY_GB": "64"}
    own_server.start()
    hosting = Hosting(own_server)
    hosting.model("served")
    hosting.endpoint("served", hosting.variant("v", "served"))
    for job in ("stays", "ends"):
        own_server.run_shell(job, "echo started; sleep 1000" if job == "stays" else "echo started; sleep 2")
        own_server.when_logged(job, "started")
    until_ready(own_server)
    assert psutil.Process(agent_of(own_server, "stays").pid).cmdline()[0].startswith("sagewright: agent stays/algo-1 [")
    own = {"server": 1, "fork server": 1, "ready sandbox": 1}
    own_server.wait("ends")
    left = {"agent": 2, "model server": 1, "front": 1}  # predictions go on, too
    until(own_server, {**own, **left})
    listed = subprocess.run(
        [str(Path(sys.executable).parent / "sagewright"), "ps", "--json", "--data", str(own_server.data)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    assert {row["kind"] for row in rows} == {*own, *left}
    (job,) = [row for row in rows if row["job"] == "stays"]
    assert (job["host"], job["data"]) == ("algo-1", str(own_server.data)) and job["since"].endswith("+00:00")
    own_server.end()
    until(own_server, left)
    own_server.start()
    until(own_server, {"server": 1, **left})  # the others come with the first change, and with a job
    own_server.end(signal.SIGKILL)
    until(own_server, left)
    shutil.rmtree(own_server.data)
    until(own_server, {})


def test_an_agent_without_a_server_ends_when_it_is_asked_and_its_last_words_are_kept(own_server: RunningServer) -> None:
    own_server.start()
    own_server.run_shell("orphan", HANDLER)
    own_server.when_logged("orphan", "started")
    agent = agent_of(own_server, "orphan")
    own_server.end(signal.SIGKILL)
    inside = psutil.Process(agent.pid).children(recursive=True)
    os.kill(agent.pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while any(runs(one.pid) for one in inside):
        assert time.monotonic() < deadline, "the job's process is asked to end, and does"
        time.sleep(0.1)
    assert psutil.pid_exists(agent.pid), "a server that is replaced is waited for"
    time.sleep(2)
    os.kill(agent.pid, signal.SIGTERM)
    until(own_server, {})
    own_server.start()
    assert TOLD in own_server.wait("orphan")["FailureReason"], "nobody asked for that by StopTrainingJob"
    lines = own_server.lines("orphan")
    assert "asked to end" in lines
    assert "not uploaded" in lines[-1]


def test_an_agent_that_was_asked_to_end_tells_a_server_that_is_back(own_server: RunningServer) -> None:
    own_server.start()
    own_server.run_shell("waits", HANDLER)
    own_server.when_logged("waits", "started")
    agent = agent_of(own_server, "waits")
    own_server.end(signal.SIGKILL)
    os.kill(agent.pid, signal.SIGTERM)
    time.sleep(1)
    own_server.start()
    assert TOLD in own_server.wait("waits")["FailureReason"]
    assert "asked to end" in own_server.lines("waits")
