"""Whatever ends before a ready sandbox is used, nothing of it is left, and jobs go on."""

from __future__ import annotations

import os
import signal
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.readiness import fork_server, left, places, ran_ahead, spares, until_gone, until_ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import RunningServer

BURST = 8


def run(server: RunningServer, shell: str = "echo done") -> str:
    name = f"job-{uuid.uuid4().hex}"
    server.run_shell(name, shell)
    ended = server.wait(name)
    assert ended["TrainingJobStatus"] == "Completed", ended
    return name


@pytest.fixture(scope="module")
def shared(server_with: Callable[..., RunningServer]) -> RunningServer:
    """A server that no test ends."""
    made = server_with()
    run(made)
    return made


@pytest.fixture
def ready(shared: RunningServer) -> RunningServer:
    """A server that keeps one sandbox ready; after jobs in quick succession there may be two for some seconds."""
    deadline = time.monotonic() + 30
    while len(spares(shared)) != 1 or len(places(shared)) != 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    until_ready(shared)
    return shared


@pytest.fixture
def mortal(own_server: RunningServer) -> RunningServer:
    """The same, for a test that ends it."""
    own_server.start()
    run(own_server)
    until_ready(own_server)
    return own_server


def there(server: RunningServer) -> tuple[list[psutil.Process], list[Path]]:
    """Processes and directories of its ready sandboxes."""
    agents = spares(server)
    return [*agents, *(one for agent in agents for one in agent.children(recursive=True))], places(server)


def until_dead(process: psutil.Process) -> None:
    """A signal reaches a process a moment after it was sent: on a busy machine, later than a job that follows it."""
    deadline = time.monotonic() + 30
    with suppress(psutil.NoSuchProcess):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.005)


def test_it_serves_one_job_and_leaves_nothing(ready: RunningServer) -> None:
    processes, directories = there(ready)
    assert len(processes) >= 4
    run(ready)
    assert ran_ahead(ready)
    until_gone(processes, directories)


def test_none_is_left_when_the_server_ends(mortal: RunningServer) -> None:
    processes, directories = there(mortal)
    assert mortal.end() == 0
    assert not left(processes, directories)


@pytest.mark.parametrize("which", ["agent", "init", "toolkit", "toolkit unnoticed", "twin"])
def test_one_that_is_killed_is_not_used(ready: RunningServer, which: str) -> None:
    processes, directories = there(ready)
    (agent,) = spares(ready)
    inside = agent.children(recursive=True)
    killed = {"agent": agent, "init": inside[0], "toolkit": inside[-2], "twin": inside[-1]}[which.split(maxsplit=1)[0]]
    if "unnoticed" in which:
        for init in inside[:2]:
            init.suspend()
    killed.kill()
    until_dead(killed)
    run(ready)
    until_gone(processes, directories)
    until_ready(ready)
    run(ready)
    assert ran_ahead(ready)


def test_jobs_that_follow_each_other_have_one_that_is_being_made(ready: RunningServer) -> None:
    """Each sandbox but a few is made ahead, as soon as there has been one, and each is used."""
    ahead = 0
    for _job in range(8):
        run(ready)
        ahead += ran_ahead(ready)
    assert ahead >= 5


def test_one_that_is_stuck_is_given_up(ready: RunningServer) -> None:
    processes, directories = there(ready)
    for agent in spares(ready):
        agent.suspend()
    run(ready)
    assert not ran_ahead(ready)
    until_gone(processes, directories)


def test_the_fork_server_is_killed(ready: RunningServer) -> None:
    processes, directories = there(ready)
    fork_server(ready).kill()
    until_gone(processes, directories)
    run(ready)
    until_ready(ready)
    run(ready)
    assert ran_ahead(ready)


def test_the_server_is_killed(mortal: RunningServer) -> None:
    processes, directories = there(mortal)
    mortal.end(signal.SIGKILL)
    until_gone(processes, directories)


def test_all_are_killed_at_once(mortal: RunningServer) -> None:
    """The next fork server finds what is left."""
    processes, directories = there(mortal)
    forks = fork_server(mortal)
    forks.suspend()
    for one in (*spares(mortal), forks):
        os.kill(one.pid, signal.SIGKILL)
    mortal.end(signal.SIGKILL)
    until_gone(processes, [])
    assert [directory for directory in directories if directory.exists()] == directories
    mortal.start()
    until_gone(processes, directories)  # without a job: what is left is a reason to start one
    run(mortal)


def test_a_job_that_runs_in_one_outlives_the_server(mortal: RunningServer) -> None:
    name = f"job-{uuid.uuid4().hex}"
    mortal.run_shell(
        name, "echo begun; while [ ! -e /tmp/go ]; do sleep 0.05; [ $((n+=1)) -gt 60 ] && break; done; echo ended"
    )
    mortal.when_logged(name, "begun")
    assert ran_ahead(mortal)
    mortal.end(signal.SIGKILL)
    mortal.start()
    assert mortal.wait(name)["TrainingJobStatus"] == "Completed"
    assert "ended" in mortal.lines(name)


def test_an_agent_that_is_killed_in_one_leaves_nothing(ready: RunningServer) -> None:
    processes, directories = there(ready)
    name = f"job-{uuid.uuid4().hex}"
    ready.run_shell(name, "echo begun; sleep 60")
    ready.when_logged(name, "begun")
    assert ran_ahead(ready)
    os.kill(int(ready.handles()[-1]["pid"]), signal.SIGKILL)
    assert ready.wait(name)["TrainingJobStatus"] == "Failed"
    until_gone(processes, directories)


def test_a_burst(ready: RunningServer) -> None:
    names = [f"job-{uuid.uuid4().hex}" for _job in range(BURST)]
    for name in names:
        ready.run_shell(name, "echo done")
    assert {ready.wait(name)["TrainingJobStatus"] for name in names} == {"Completed"}
    most, deadline = 0, time.monotonic() + 30
    while (now := len(spares(ready))) != 1 or len(places(ready)) != 1 or most < 2:
        most = max(most, now)
        assert time.monotonic() < deadline, f"there were {most} at most, and there are {now}"
        time.sleep(0.02)
    assert most == 2


def test_an_environment_that_changes(ready: RunningServer) -> None:
    """The mounts of a prepared sandbox are those from its creation."""
    processes, directories = there(ready)
    (environment,) = {line.split()[2] for line in inside_environ(processes[-1]) if line.startswith("x VIRTUAL_ENV ")}
    os.utime(environment)
    run(ready)
    assert not ran_ahead(ready)
    until_gone(processes, directories)
    until_ready(ready)
    run(ready)
    assert ran_ahead(ready)


def inside_environ(process: psutil.Process) -> list[str]:
    return [f"x {name} {value}" for name, value in process.environ().items()]


def test_no_place_for_them(own_server: RunningServer) -> None:
    (own_server.data / "cells").write_text("in the way")
    own_server.start()
    for _job in range(2):
        run(own_server)
        assert not ran_ahead(own_server)
    assert own_server.end() == 0


def test_jobs_on_another_disk(own_server: RunningServer, other_disk: Path) -> None:
    (own_server.data / "jobs").symlink_to(other_disk)
    own_server.start()
    for _job in range(2):
        run(own_server)
        assert not ran_ahead(own_server)
    assert spares(own_server) == []
    assert own_server.end() == 0
