"""The capacity of the machines, and the share of it that a job requests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from sagewright.model.aws.instance_types import Resources, resources_of

_GIB = 1 << 30


@dataclass(frozen=True)
class JobShare:
    """The share of a job: the share of each host, the total, and log messages about deviations from the request.

    `gpus`: numbers of the GPUs, once reserved; None if the machine has none.
    """

    per_host: Resources
    total: Resources
    warnings: list[str] = field(default_factory=list)
    gpus: list[int] | None = None

    def gpus_of(self, rank: int) -> list[int] | None:
        """Returns the GPUs of one of the hosts."""
        each = self.per_host.gpus
        return None if self.gpus is None else self.gpus[rank * each : (rank + 1) * each]


def this_machine(capacity_cpus: int = 0, capacity_memory_gb: int = 0) -> Resources:
    """Returns the CPUs that this process may use, memory (GiB) and NVIDIA GPUs; non-zero arguments override the detected values."""
    cpus = capacity_cpus or len(os.sched_getaffinity(0))
    memory = capacity_memory_gb or max(1, psutil.virtual_memory().total // _GIB)
    return Resources(cpus, memory, count_gpus())


def count_gpus() -> int:
    """Returns the number of NVIDIA GPUs of this machine: from nvidia-smi, otherwise from the device files."""
    if shutil.which("nvidia-smi"):
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False, timeout=30)
        if listed.returncode == 0:
            return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    return len([device for device in Path("/dev").glob("nvidia[0-9]*") if device.name[6:].isdigit()])


@dataclass(frozen=True)
class Machines:
    """The machines that hosts run on: the current resources of each, and their name in a job's log."""

    each: Callable[[], Sequence[Resources]]
    name: str = "this machine"

    def together(self) -> Resources:
        each = self.each()
        return Resources(sum(m.cpus for m in each), sum(m.memory_gb for m in each), sum(m.gpus for m in each))

    def share_of(self, instance_type: str, count: int) -> JobShare:
        """Returns the share of `count` hosts of `instance_type`: never more than the machines have.

        Each host gets a separate machine if there are enough; otherwise all share the largest. Each has at least one CPU and 1 GiB.
        """
        requested, each = resources_of(instance_type), self.each()
        per_host = _share(requested, each, count)
        machine = self.together()
        total = Resources(
            min(per_host.cpus * count, max(machine.cpus, per_host.cpus)),
            min(per_host.memory_gb * count, max(machine.memory_gb, per_host.memory_gb)),
            per_host.gpus * count,
        )
        warnings = []
        if per_host != requested:
            name = self.name
            who = f"{name} gives" if count == 1 else f"{name} gives each of {count} hosts"
            warnings.append(f"{instance_type} has {requested}; {who} {per_host}.")
        return JobShare(per_host, total, warnings)


def _share(requested: Resources, machines: Sequence[Resources], count: int) -> Resources:
    """Returns the share of each of `count` hosts. Without any machine nothing fits: it is then the minimum."""
    largest = sorted(machines, key=lambda m: (min(m.gpus, requested.gpus), m.cpus, m.memory_gb), reverse=True)
    chosen, parts = (largest[:count], 1) if len(largest) >= count else (largest[:1] or [Resources(0, 0, 0)], count)
    return Resources(
        min(requested.cpus, *(max(1, machine.cpus // parts) for machine in chosen)),
        min(requested.memory_gb, *(max(1, machine.memory_gb // parts) for machine in chosen)),
        min(requested.gpus, *(machine.gpus // parts for machine in chosen)),
    )
