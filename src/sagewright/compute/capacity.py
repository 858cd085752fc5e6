"""What the machines can hold, and who has reserved what of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from sagewright.model.instances import Resources, resources_of

_GIB = 1 << 30


@dataclass(frozen=True)
class Share:
    """What a job asks for: each of its hosts' share, all of it, and what its log must say about the difference.

    `gpus`: once it is reserved, which they are, by their numbers; None where the machine has none.
    """

    per_host: Resources
    total: Resources
    warnings: list[str] = field(default_factory=list)
    gpus: list[int] | None = None

    def gpus_of(self, rank: int) -> list[int] | None:
        """Those of one of the hosts."""
        each = self.per_host.gpus
        return None if self.gpus is None else self.gpus[rank * each : (rank + 1) * each]


def this_machine(capacity_cpus: int = 0, capacity_memory_gb: int = 0) -> Resources:
    """CPUs that this process may use, memory (GiB) and NVIDIA GPUs; the arguments, if not 0, override what was found."""
    cpus = capacity_cpus or len(os.sched_getaffinity(0))
    memory = capacity_memory_gb or max(1, psutil.virtual_memory().total // _GIB)
    return Resources(cpus, memory, count_gpus())


def count_gpus() -> int:
    """NVIDIA GPUs of this machine: as nvidia-smi lists them, else the device files."""
    if shutil.which("nvidia-smi"):
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False, timeout=30)
        if listed.returncode == 0:
            return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    return len([device for device in Path("/dev").glob("nvidia[0-9]*") if device.name[6:].isdigit()])


@dataclass(frozen=True)
class Machines:
    """Those that hosts run on: what each of them has, as it is now, and what a job's log calls them."""

    each: Callable[[], Sequence[Resources]]
    name: str = "this machine"

    def together(self) -> Resources:
        each = self.each()
        return Resources(sum(m.cpus for m in each), sum(m.memory_gb for m in each), sum(m.gpus for m in each))


class Reservations:
    """Shares of the machines, by job. Safe to use from many threads; a restarted server reserves again what runs."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        self._lock = threading.Lock()
        self._held: dict[str, Resources] = {}
        self._gpus: dict[str, list[int]] = {}

    def share_of(self, instance_type: str, count: int) -> Share:
        """What `count` hosts of `instance_type` take here: never more than the machines have.

        Each host is on a machine of its own where there are as many; else all share the largest. Each has at least one CPU
        and 1 GiB.
        """
        asked = resources_of(instance_type)
        per_host = _share(asked, self._machines.each(), count)
        machine = self._machines.together()
        total = Resources(
            min(per_host.cpus * count, max(machine.cpus, per_host.cpus)),
            min(per_host.memory_gb * count, max(machine.memory_gb, per_host.memory_gb)),
            per_host.gpus * count,
        )
        warnings = []
        if per_host != asked:
            name = self._machines.name
            each = f"{name} gives" if count == 1 else f"{name} gives each of {count} hosts"
            warnings.append(f"{instance_type} has {asked}; {each} {per_host}.")
        return Share(per_host, total, warnings)

    def try_reserve(self, job_id: str, share: Share) -> bool:
        """Take `share` for the job, or nothing. True if the job has it, also from before."""
        with self._lock:
            if job_id in self._held:
                return True
            if not self._fits(share, frozenset()):
                return False
            self._hold(job_id, share, [])
            return True

    def fits_without(self, share: Share, job_ids: Set[str]) -> bool:
        """Whether there would be room for `share` if these jobs gave back what they hold."""
        with self._lock:
            return self._fits(share, job_ids)

    def force(self, job_id: str, share: Share, gpus: list[int]) -> None:
        """Note what a job that already runs takes (after a restart), free or not; `gpus`: which, as far as that is known."""
        with self._lock:
            self._hold(job_id, share, gpus)

    def numbered(self, job_id: str, share: Share) -> Share:
        """`share` with the numbers of the GPUs that the job holds; no other job holds them."""
        with self._lock:
            return replace(share, gpus=list(self._gpus.get(job_id, []))) if self._machines.together().gpus else share

    def _hold(self, job_id: str, share: Share, gpus: list[int]) -> None:
        self._held[job_id] = share.total
        taken = {gpu for held in self._gpus.values() for gpu in held}
        free = [gpu for gpu in range(self._machines.together().gpus) if gpu not in taken]
        self._gpus[job_id] = gpus or free[: share.total.gpus]

    def hand_over(self, old: str, new: str) -> None:
        """What one job holds is another's from now on."""
        with self._lock:
            if old in self._held:
                self._held[new], self._gpus[new] = self._held.pop(old), self._gpus.pop(old, [])

    def release(self, job_id: str) -> None:
        """Give back what the job holds; nothing if it holds nothing."""
        with self._lock:
            self._held.pop(job_id, None)
            self._gpus.pop(job_id, None)

    def _fits(self, share: Share, without: Set[str]) -> bool:
        held = [share for job_id, share in self._held.items() if job_id not in without]
        machine, total = self._machines.together(), share.total
        return (
            total.cpus + sum(share.cpus for share in held) <= machine.cpus
            and total.memory_gb + sum(share.memory_gb for share in held) <= machine.memory_gb
            and total.gpus + sum(share.gpus for share in held) <= machine.gpus
        )


def _share(asked: Resources, machines: Sequence[Resources], count: int) -> Resources:
    """What each of `count` hosts gets. Nothing fits when there is no machine: then it is the least."""
    largest = sorted(machines, key=lambda m: (min(m.gpus, asked.gpus), m.cpus, m.memory_gb), reverse=True)
    chosen, parts = (largest[:count], 1) if len(largest) >= count else (largest[:1] or [Resources(0, 0, 0)], count)
    return Resources(
        min(asked.cpus, *(max(1, machine.cpus // parts) for machine in chosen)),
        min(asked.memory_gb, *(max(1, machine.memory_gb // parts) for machine in chosen)),
        min(asked.gpus, *(machine.gpus // parts for machine in chosen)),
    )
