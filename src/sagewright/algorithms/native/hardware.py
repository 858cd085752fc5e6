"""The resources available to an algorithm: its share of the machine, not the whole machine.

Source: the kernel's documentation, admin-guide/cgroup-v2 and admin-guide/cgroup-v1 (memory, cpu).
"""

from __future__ import annotations

import functools
import math
import os
import re
import resource
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_DEVICE = re.compile(r"nvidia[0-9]+")
_UNIFIED = ("sys/fs/cgroup", "sys/fs/cgroup/unified")


def gpu_count(environment: Mapping[str, str] = os.environ, devices: Path = Path("/dev")) -> int:
    """The number of NVIDIA GPUs of this process: SM_NUM_GPUS if set, else the device nodes, less those that CUDA_VISIBLE_DEVICES
    hides."""
    declared = environment.get("SM_NUM_GPUS", "")
    if declared.isdecimal():
        return int(declared)
    present = sum(1 for node in devices.iterdir() if _DEVICE.fullmatch(node.name)) if devices.is_dir() else 0
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    return present if visible is None else min(present, len([each for each in visible.split(",") if each.strip()]))


def memory_bytes(environment: Mapping[str, str] = os.environ, root: Path = Path("/")) -> int:
    """Memory of this process: the minimum of the machine's memory, the limits of its cgroups and of the process (RLIMIT_AS,
    RLIMIT_DATA), and SAGEWRIGHT_MEMORY_GB, the job's share by the instance's label.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    declared = _number(environment.get("SAGEWRIGHT_MEMORY_GB", ""))
    if declared:
        limits.append(int(declared * (1 << 30)))
    limits += [
        int(text) for text in _group_files(root, "memory.max", "memory", "memory.limit_in_bytes") if text.isdecimal()
    ]
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft, _ = resource.getrlimit(kind)
        limits += [] if soft == resource.RLIM_INFINITY else [soft]
    return min(limits)


def cpu_count(environment: Mapping[str, str] = os.environ, root: Path = Path("/")) -> int:
    """CPUs of this process, at least 1: the minimum of the CPUs it can run on, its cgroups' quotas, SAGEWRIGHT_CPUS and
    OMP_NUM_THREADS.
    """
    limits: list[float] = [len(os.sched_getaffinity(0))]
    limits += [_number(environment.get(name, "")) or math.inf for name in ("SAGEWRIGHT_CPUS", "OMP_NUM_THREADS")]
    for text in _group_files(root, "cpu.max", "cpu", "cpu.cfs_quota_us"):
        quota, _, period = text.partition(" ")
        if quota.isdecimal():
            limits.append(math.ceil(int(quota) / int(period or 100_000)))
    return max(1, int(min(limits)))


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0


@functools.cache
def _group_files(root: Path, unified: str, controller: str, legacy: str) -> list[str]:
    """Contents of a file in this process's cgroup and in its ancestors: `unified` for version 2, `legacy` for version 1.

    A container can see its own group as the root of the hierarchy while /proc still shows the path on the host. Paths that don't
    exist are therefore skipped, and the root is always read. The files are read once, which takes a millisecond.
    """
    found: list[str] = []
    for number, controllers, path in _groups(root):
        if number == "0":
            places = [root / mount for mount in _UNIFIED]
            name = unified
        elif controller in controllers:
            places = [root / "sys/fs/cgroup" / ",".join(controllers), root / "sys/fs/cgroup" / controller]
            name = legacy
        else:
            continue
        for place in places:
            found += _contents(place / above / name for above in (path, *path.parents))
    return found


def _groups(root: Path) -> Iterator[tuple[str, list[str], Path]]:
    """The lines of /proc/self/cgroup: the hierarchy's number, its controllers, and the path in it."""
    for line in next(iter(_contents([root / "proc/self/cgroup"])), "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        yield number, controllers.split(","), Path(path.lstrip("/"))


def _contents(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        try:
            yield path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            continue
