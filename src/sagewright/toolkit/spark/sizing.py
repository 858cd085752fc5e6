"""Shares of an instance for Spark's processes.

AWS's container gives YARN the whole instance and lets the heaps of driver and executor overlap. Here memory can be limited to the
share, so the parts add up to less: the rest is for Python's processes and the JVMs' memory outside their heaps.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SMALLEST_MB = 512
_ALONE, _DRIVER, _EXECUTOR = 0.6, 0.25, 0.4


@dataclass(frozen=True)
class SparkShare:
    """The CPUs and memory of a host."""

    cpus: int
    memory_mb: int


def share_of(environ: Mapping[str, str]) -> SparkShare:
    """Returns SAGEWRIGHT_CPUS and SAGEWRIGHT_MEMORY_GB, or the whole machine."""
    cpus = int(environ.get("SAGEWRIGHT_CPUS") or os.cpu_count() or 1)
    memory_gb = float(environ.get("SAGEWRIGHT_MEMORY_GB") or 0)
    return SparkShare(cpus, int(memory_gb * 1024) or _machine_mb())


def defaults(share: SparkShare, hosts: int) -> dict[str, str]:
    """Returns properties for spark-defaults, which a configuration overrides."""
    tasks = share.cpus * hosts
    common = {"spark.default.parallelism": str(2 * tasks), "spark.sql.shuffle.partitions": str(max(2 * tasks, 8))}
    if hosts == 1:
        return {**common, "spark.driver.memory": _part(share, _ALONE)}
    return {
        **common,
        "spark.driver.memory": _part(share, _DRIVER),
        "spark.executor.memory": _part(share, _EXECUTOR),
        "spark.executor.cores": str(share.cpus),
    }


def _part(share: SparkShare, part: float) -> str:
    return f"{max(int(share.memory_mb * part), _SMALLEST_MB)}m"


def _machine_mb() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("MemTotal"))) // 1024
