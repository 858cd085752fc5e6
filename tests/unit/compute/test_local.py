"""The local backend, with agents that only sleep or end."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from sagewright.compute.backend import HostPlan, LaunchFailed
from sagewright.compute.forkserver import ForkServer
from sagewright.compute.local import LocalBackend
from sagewright.model.jobs.agent_marks import note_end, read_mark, start_mark, write_mark
from sagewright.model.jobs.brief import Brief, HostGroup, Program
from sagewright.sandbox.cgroups import find_cgroups

CREDENTIALS = {"access_key_id": "a", "secret_access_key": "s", "session_token": "t"}


@pytest.fixture(params=["forked", "started"])
def backend(request: pytest.FixtureRequest) -> Iterator[LocalBackend]:
    local = LocalBackend(fork_server=request.param == "forked")
    yield local
    local.close()


@pytest.fixture
def restarted() -> Iterator[LocalBackend]:
    """The backend of a server that was started anew."""
    local = LocalBackend(fork_server=False)
    yield local
    local.close()


def plan(directory: Path, **changes: Any) -> HostPlan:
    """An agent that waits for a server that is not there: it lives until it is killed."""
    document = {
        "host_id": str(directory), "host": "algo-1", "hosts": ["algo-1"], "attempt": 1,
        "brief": Brief("training", "job", "arn", Program("none"), [HostGroup("g", "ml.m5.large", ["algo-1"])], "r").document(),
        "addresses": {}, "endpoint": "http://127.0.0.1:1", "token": "t", "region": "us-east-1",
        "account": "000000000000", "log_stream": "s", "environments": str(directory / "environments"),
        "credentials": CREDENTIALS,
        "objects": {"endpoint": "http://127.0.0.1:1", "region": "us-east-1", "credentials": CREDENTIALS, "patience_s": None},
        "framework_versions": "nearest", "sandbox": "auto", "cpus": 1, "memory_gb": 1, "gpus": 0, "stop_grace_s": 1,
        "max_runtime_s": 60, "warnings": [], **changes,
    }  # fmt: skip
    return HostPlan(directory, document)


def wait_until_gone(backend: LocalBackend, handle: dict[str, Any]) -> None:
    deadline = time.monotonic() + 10
    while backend.poll(handle):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_agent_is_detached_and_found_again(backend: LocalBackend, restarted: LocalBackend, tmp_path: Path) -> None:
    (handle,) = backend.launch([plan(tmp_path / "h")])
    assert backend.poll(handle)
    assert os.getsid(handle["pid"]) != os.getsid(0)

    assert restarted.poll(handle)
    restarted.kill(handle)
    assert not restarted.poll(handle)
    wait_until_gone(backend, handle)


def test_the_host_file_is_for_its_owner_alone(backend: LocalBackend, tmp_path: Path) -> None:
    (handle,) = backend.launch([plan(tmp_path / "h")])
    backend.kill(handle)

    assert (tmp_path / "h" / "host.json").stat().st_mode & 0o777 == 0o600


def test_agents_outlive_the_backend(tmp_path: Path, backend: LocalBackend) -> None:
    (handle,) = backend.launch([plan(tmp_path / "h")])
    backend.close()
    time.sleep(0.2)

    assert backend.poll(handle)
    backend.kill(handle)
    wait_until_gone(backend, handle)


def test_a_recycled_pid_is_never_hit(backend: LocalBackend) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        handle = {"pid": other.pid, "started": "another boot:1", "host_id": "none-such"}
        assert not backend.poll(handle)
        backend.stop(handle)
        backend.kill(handle)
        assert other.poll() is None
        other.kill()


def test_calls_on_what_has_ended_do_nothing(backend: LocalBackend, tmp_path: Path) -> None:
    (handle,) = backend.launch([plan(tmp_path / "h")])
    for _twice in range(2):
        backend.kill(handle)
        backend.stop(handle)
    assert not backend.poll(handle)


def test_a_gang_is_started_whole_or_not_at_all(backend: LocalBackend, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    plans = [plan(tmp_path / "h1"), plan(tmp_path / "file" / "h2")]
    with pytest.raises(LaunchFailed):
        backend.launch(plans)

    assert _lock_is_free(tmp_path / "h1" / "agent.lock")


def _lock_is_free(lock: Path) -> bool:
    """An agent holds it as long as it lives; one that was killed is given the time to die."""
    until = time.monotonic() + 30
    while lock.exists():
        with lock.open() as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def test_a_dead_fork_server_is_replaced(tmp_path: Path) -> None:
    forks = ForkServer()
    forks.warm()
    assert forks._process is not None
    forks._process.kill()
    forks._process.wait()
    backend = LocalBackend()
    backend._forks = forks

    (handle,) = backend.launch([plan(tmp_path / "h")])
    assert backend.poll(handle)
    backend.kill(handle)
    backend.close()


def test_the_fork_server_ends_with_its_owner(tmp_path: Path) -> None:
    script = (
        "import os, sys, time\n"
        "from sagewright.compute.forkserver import ForkServer\n"
        "f = ForkServer(); f.warm(); print(f._process.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        zygote = psutil.Process(int(owner.stdout.readline()))
        owner.kill()
        owner.wait()
        psutil.wait_procs([zygote], timeout=60)
        assert not zygote.is_running()


def when_marked(directory: Path) -> None:
    deadline = time.monotonic() + 20
    while not (directory / "agent.mark").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_launch_that_is_repeated_finds_what_runs_and_starts_the_rest(
    backend: LocalBackend, restarted: LocalBackend, tmp_path: Path
) -> None:
    (first,) = backend.launch([plan(tmp_path / "h1")])
    when_marked(tmp_path / "h1")
    again, second = restarted.launch([plan(tmp_path / "h1"), plan(tmp_path / "h2")])
    assert again == first
    assert restarted.poll(second)
    for handle in (again, second):
        restarted.kill(handle)
    wait_until_gone(backend, first)


def test_of_two_agents_in_one_directory_one_works_and_either_handle_finds_it(
    backend: LocalBackend, restarted: LocalBackend, tmp_path: Path
) -> None:
    (first,) = backend.launch([plan(tmp_path / "h")])
    (second,) = restarted.launch([plan(tmp_path / "h")])  # most often before the first one has left its mark
    when_marked(tmp_path / "h")
    deadline = time.monotonic() + 20
    while len(alive := [one["pid"] for one in (first, second) if psutil.pid_exists(one["pid"])]) > 1 and (
        first["pid"] != second["pid"]
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)
        for one in (backend, restarted):  # each looks after its own children, and one of them ends
            assert one.poll(first)
            assert one.poll(second)
    assert alive
    assert restarted.poll(first)
    assert restarted.poll(second)
    restarted.kill(second)
    wait_until_gone(restarted, first)
    wait_until_gone(backend, second)


def test_the_mark_of_another_host_is_none(backend: LocalBackend, tmp_path: Path) -> None:
    (handle,) = backend.launch([plan(tmp_path / "h")])
    when_marked(tmp_path / "h")
    assert not backend.poll({**handle, "host_id": "another", "started": "another boot:1"})
    backend.kill(handle)


@pytest.mark.skipif(not find_cgroups().places, reason="no control groups here")
def test_a_kill_ends_the_hosts_group_and_that_of_a_cell_its_agent_was_to_use(restarted: LocalBackend) -> None:
    """An agent that finds another attempt's files in its way gives up the cell, and its process has a group by the host's name."""
    names = [f"test-{uuid.uuid4().hex}" for _group in range(2)]
    groups = [find_cgroups().group(name) for name in names]
    for group in groups:
        group.create()
    restarted.kill({"pid": 0, "started": "", "host_id": names[0], "group": names[1]})
    assert not [place for group in groups for place in group.directories.values() if place.exists()]


def sleeping(host_id: str = "") -> subprocess.Popen[bytes]:
    """A process that says in its environment whose it is, as an agent's children do."""
    return subprocess.Popen(["sleep", "60"], env={"PATH": os.environ["PATH"], "SAGEWRIGHT_HOST_ID": host_id})


@pytest.mark.parametrize("which", ["ended", "working", "another"])
def test_what_an_agent_has_left_is_looked_for_unless_it_has_said_that_it_left_nothing(
    restarted: LocalBackend, tmp_path: Path, which: str
) -> None:
    """`another`: an agent of an earlier attempt has said so, and not the one that the handle names."""
    host_id = uuid.uuid4().hex
    with sleeping() as agent, sleeping(host_id) as left:
        started = "boot:1" if which == "another" else start_mark(agent.pid)
        mark = {"pid": agent.pid, "started": started, "host_id": host_id, "group": host_id}
        (tmp_path / "agent.mark").write_text(json.dumps(mark | ({} if which == "working" else {"ended": 1})))
        handle = {**mark, "started": start_mark(agent.pid), "directory": str(tmp_path)}
        restarted.kill(handle)
        assert agent.wait(10) == -signal.SIGKILL
        assert (left.poll() is None) == (which == "ended")
        left.kill()


def test_an_agent_notes_its_own_end_alone(tmp_path: Path) -> None:
    write_mark(tmp_path, "host", "group")
    note_end(tmp_path, "another host")
    before = read_mark(tmp_path, "host")
    assert before is not None
    assert "ended" not in before
    note_end(tmp_path, "host")
    assert read_mark(tmp_path, "host") == {**before, "ended": 1}
    (tmp_path / "agent.mark").write_text(json.dumps({**before, "pid": os.getppid()}))
    note_end(tmp_path, "host")
    assert read_mark(tmp_path, "host") == {**before, "pid": os.getppid()}
