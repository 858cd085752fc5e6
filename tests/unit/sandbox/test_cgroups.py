"""Control groups: on plain directories for what is written for each version, and for real where this machine has any."""

from __future__ import annotations

import subprocess
import time
import uuid
from pathlib import Path

import pytest

from sagewright.sandbox.cgroups import PARENT, Cgroups, ControlGroup, ResourceLimits, find_cgroups

SHARE = ResourceLimits(cpus=2, memory_gb=3)


def described(directory: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in directory.iterdir()}


def test_what_version_2_is_told(tmp_path: Path) -> None:
    group = Cgroups(2, dict.fromkeys(("memory", "cpu", "pids"), tmp_path)).group("a/b")
    group.make(SHARE)

    own = tmp_path / PARENT / "a_b"
    assert (own.parent / "cgroup.subtree_control").read_text() == "+memory +cpu +pids"
    assert described(own) == {
        "memory.max": str(3 << 30),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "cpu.max": "200000 100000",
        "pids.max": "4096",
    }
    assert group.wrapper[2] == f"echo 0 > '{own}/cgroup.procs' && exec \"$@\""
    (own / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    (own / "pids.events").write_text("max 5\n")
    assert (group.out_of_memory(), group.refused_processes()) == (2, True)


def test_what_version_1_is_told(tmp_path: Path) -> None:
    places = {which: tmp_path / which for which in ("memory", "cpu", "pids")}
    for place in places.values():
        place.mkdir()
    group = Cgroups(1, places).group("a")
    group.make(SHARE)

    memory = str(3 << 30)
    assert described(places["memory"] / PARENT / "a") == {
        "memory.limit_in_bytes": memory,
        "memory.memsw.limit_in_bytes": memory,
    }
    assert described(places["cpu"] / PARENT / "a") == {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "200000"}
    assert described(places["pids"] / PARENT / "a") == {"pids.max": "4096"}


@pytest.fixture
def group() -> ControlGroup:
    found = find_cgroups()
    assert found.places or found.reason  # one or the other, and it is said which
    return found.group(f"test-{uuid.uuid4().hex}")


def test_a_group_is_entered_and_removed_with_what_is_in_it(group: ControlGroup) -> None:
    if not group.directories:
        return
    group.make(ResourceLimits(1, 1))
    with subprocess.Popen([*group.wrapper, "sh", "-c", "setsid sleep 1000 & exec sleep 1000"]) as process:
        deadline = time.monotonic() + 10
        while len(group.pids()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        group.remove()
        assert process.wait(10) == -9
    assert not any(directory.exists() for directory in group.directories.values())
    group.remove()


def test_memory_is_held(group: ControlGroup) -> None:
    if "memory" not in group.directories:
        return
    group.make(ResourceLimits(1, 1))
    done = subprocess.run([*group.wrapper, "python3", "-c", "bytearray(2 << 30)"], check=False)
    assert (done.returncode, group.out_of_memory()) == (-9, 1)
    group.remove()
