"""Resources of a host: the smallest of all limits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sagewright.algorithms.native import hardware

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
NO_LIMIT = "9223372036854771712"


def host(root: Path, groups: str, **files: str) -> Path:
    """A root with /proc/self/cgroup and files of cgroups; `__` in a name is a slash, `_dot_` a dot."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def test_without_limits_it_is_the_machine(tmp_path: Path) -> None:
    assert hardware.memory_bytes({}, tmp_path) == MACHINE
    assert hardware.cpu_count({}, tmp_path) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("label", ["1", "0.5"])
def test_the_label_holds(tmp_path: Path, label: str) -> None:
    assert hardware.memory_bytes({"SAGEWRIGHT_MEMORY_GB": label}, tmp_path) == float(label) * (1 << 30)
    assert hardware.cpu_count({"SAGEWRIGHT_CPUS": "1"}, tmp_path) == 1


@pytest.mark.parametrize("label", ["0", "", "much"])
def test_a_label_that_says_nothing_is_none(tmp_path: Path, label: str) -> None:
    assert hardware.memory_bytes({"SAGEWRIGHT_MEMORY_GB": label}, tmp_path) == MACHINE


def test_version_2_of_this_group_and_those_above(tmp_path: Path) -> None:
    root = host(
        tmp_path, "0::/jobs/one\n", jobs__memory_dot_max="300000000", jobs__one__memory_dot_max="max",
        jobs__one__cpu_dot_max="50000 100000",
    )  # fmt: skip
    assert hardware.memory_bytes({}, root) == 300_000_000
    assert hardware.cpu_count({}, root) == 1


def test_version_1(tmp_path: Path) -> None:
    groups = "5:cpu,cpuacct:/job\n3:memory:/job\n0::/\n"
    root = host(
        tmp_path, groups, memory__job__memory_dot_limit_in_bytes="200000000", memory__memory_dot_limit_in_bytes=NO_LIMIT
    )
    (root / "sys/fs/cgroup/cpu,cpuacct/job").mkdir(parents=True)
    (root / "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us").write_text("-1")
    assert hardware.memory_bytes({}, root) == 200_000_000
    assert hardware.cpu_count({}, root) == len(os.sched_getaffinity(0))


def test_a_container_that_sees_its_group_as_the_root(tmp_path: Path) -> None:
    root = host(tmp_path, "0::/host/path/of/it\n", memory_dot_max="100000000")
    assert hardware.memory_bytes({}, root) == 100_000_000
