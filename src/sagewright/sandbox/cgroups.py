"""A host's share of the machine, enforced by the kernel: control groups of version 2, of version 1, or none.

Source: the kernel's documentation, admin-guide/cgroup-v2 and admin-guide/cgroup-v1. Groups are created only below our own group
named `sagewright`; other groups are never changed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sagewright.sandbox.kernel import await_end

PARENT = "sagewright"
CONTROLLERS = ("memory", "cpu", "pids")
_PERIOD_US = 100_000
_REMOVE_S = 10.0
_PAUSE_S = (
    0.0005,
    0.005,
)  # first and longest pause between attempts to remove a group: killed processes leave it at once
_END_S = 0.05  # interval of checks of killed processes, where none ends
_MOUNTS, _SELF = Path("/proc/self/mountinfo"), Path("/proc/self/cgroup")


@dataclass(frozen=True)
class ResourceLimits:
    """Combined limits of the processes of one host."""

    cpus: int
    memory_gb: float

    @property
    def memory_bytes(self) -> int:
        return int(self.memory_gb * (1 << 30))

    @property
    def processes(self) -> int:
        """Returns the limit of processes and threads: far more than work needs, far fewer than a machine has."""
        return max(4096, 256 * self.cpus)


@dataclass(frozen=True)
class Cgroups:
    """Places for groups. `places`: controller -> the directory in which groups are created; `reason`: why a missing controller is
    missing."""

    version: int
    places: dict[str, Path] = field(default_factory=dict)
    reason: str = ""

    def group(self, name: str) -> ControlGroup:
        """Returns the group of that name, which need not exist."""
        safe = re.sub(r"[^\w.-]", "_", name)[-200:]
        return ControlGroup(self.version, {which: place / PARENT / safe for which, place in self.places.items()})


@dataclass(frozen=True)
class ControlGroup:
    """One group: a directory for each controller, the same one for all with version 2."""

    version: int
    directories: dict[str, Path]

    def make(self, share: ResourceLimits) -> None:
        """Makes the group with its limits. Raises OSError."""
        self.create()
        self.limit(share)

    def create(self) -> None:
        """Makes the group, still without limits. Raises OSError."""
        for directory in self._each():
            _make_directory(directory)
            if self.version == 2:
                requested = " ".join(f"+{which}" for which in self.directories)
                (directory.parent / "cgroup.subtree_control").write_text(requested)
            directory.mkdir(exist_ok=True)

    def limit(self, share: ResourceLimits) -> None:
        """Sets the limits. Raises OSError."""
        for which, directory in self.directories.items():
            for name, value in _settings(self.version, which, share):
                (directory / name).write_text(value)
        self._set_extras(share)

    def _set_extras(self, share: ResourceLimits) -> None:
        """Sets limits that only some kernels have: no swap instead of memory, and all processes end when the group is out of
        memory."""
        memory = self.directories.get("memory")
        if memory is None:
            return
        limit = str(share.memory_bytes)
        extras = {"memory.swap.max": "0", "memory.oom.group": "1"} if self.version == 2 else {}
        for name, value in (extras or {"memory.memsw.limit_in_bytes": limit}).items():
            with suppress(OSError):
                (memory / name).write_text(value)

    @property
    def wrapper(self) -> list[str]:
        """Returns a program that enters the group and becomes the command whose words follow.

        It is one thread, and with version 1 moves as such: to move a process the kernel waits for all others, about 30 ms.
        """
        file = "cgroup.procs" if self.version == 2 else "tasks"
        enter = "".join(f"echo 0 > '{directory / file}' && " for directory in self._each())
        return ["/bin/sh", "-c", f'{enter}exec "$@"', "sh"]

    def used(self) -> tuple[float, int] | None:
        """Returns CPU seconds, and bytes of memory without the page cache that can be given back; None where they aren't
        counted."""
        cpu, memory = self.directories.get("cpu"), self.directories.get("memory")
        if cpu is None or memory is None:
            return None
        try:
            if self.version == 2:
                cpu_s = _count(cpu / "cpu.stat", "usage_usec") / 1e6
                held, idle = (
                    int((memory / "memory.current").read_text()),
                    _count(memory / "memory.stat", "inactive_file"),
                )
            else:
                cpu_s = self._cpu_s(cpu / "cpuacct.usage")
                held = int((memory / "memory.usage_in_bytes").read_text())
                idle = _count(memory / "memory.stat", "total_inactive_file")
        except (OSError, ValueError):
            return None
        return cpu_s, max(held - idle, 0)

    def _cpu_s(self, counted: Path) -> float:
        """Returns the CPU seconds by the file `counted`, or of the processes and their ended children where the group has no such
        file: the controllers cpu and cpuacct can be mounted apart."""
        if counted.exists():
            return int(counted.read_text()) / 1e9
        ticks = 0
        for pid in self.pids():
            with suppress(OSError, ValueError, IndexError):
                ticks += sum(
                    int(word) for word in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
                )
        return ticks / os.sysconf("SC_CLK_TCK")

    def out_of_memory(self) -> int:
        """Returns how many processes the kernel has killed because the group was out of memory."""
        memory = self.directories.get("memory")
        if memory is None:
            return 0
        return _count(memory / ("memory.events" if self.version == 2 else "memory.oom_control"), "oom_kill")

    def refused_processes(self) -> bool:
        """True if the group was at its limit of processes when another one was to be started."""
        pids = self.directories.get("pids")
        return pids is not None and _count(pids / "pids.events", "max") > 0

    def kill(self, spared: Set[int] = frozenset()) -> None:
        """Kills all processes in it, including those that it starts in the meantime, whose number is limited. Returns when all but
        `spared` have ended.
        """
        deadline = time.monotonic() + _REMOVE_S
        while (left := self.pids()) and time.monotonic() < deadline:
            for pid in left:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            if left <= spared:
                return
            await_end(left - spared, _END_S)

    def remove(self) -> None:
        """Kills its processes, and removes it. Does nothing if it does not exist."""
        directories = [directory for directory in self._each() if directory.exists()]
        if not directories:
            return
        self.kill()
        deadline = time.monotonic() + _REMOVE_S
        for directory in directories:
            pause = _PAUSE_S[0]
            while directory.exists() and time.monotonic() < deadline:
                with suppress(OSError):  # killed processes may take a moment to leave
                    directory.rmdir()
                    break
                time.sleep(pause)
                pause = min(2 * pause, _PAUSE_S[1])
            with suppress(OSError):  # of other jobs, or of a job that is starting
                directory.parent.rmdir()

    def _each(self) -> list[Path]:
        return list(dict.fromkeys(self.directories.values()))

    def pids(self) -> set[int]:
        """Returns the processes in it, except this one."""
        found: set[int] = set()
        for directory in self._each():
            with suppress(OSError):
                found |= {int(pid) for pid in (directory / "cgroup.procs").read_text().split()}
        return found - {0, os.getpid()}


def _make_directory(directory: Path) -> None:
    """Makes the directory and its parent, which another job that ends may remove at the same moment."""
    for _again in range(20):
        directory.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):
            directory.mkdir(exist_ok=True)
            return
    raise FileNotFoundError(f"{directory.parent} is removed again and again")


def _settings(version: int, which: str, share: ResourceLimits) -> list[tuple[str, str]]:
    memory, quota = str(share.memory_bytes), share.cpus * _PERIOD_US
    if which == "memory":
        return [("memory.max" if version == 2 else "memory.limit_in_bytes", memory)]
    if which == "pids":
        return [("pids.max", str(share.processes))]
    if version == 2:
        return [("cpu.max", f"{quota} {_PERIOD_US}")]
    return [("cpu.cfs_period_us", str(_PERIOD_US)), ("cpu.cfs_quota_us", str(quota))]


def _count(file: Path, name: str) -> int:
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


@cache
def find_cgroups() -> Cgroups:
    """Returns the control groups of this machine in which a group can really be created and entered. Probed once."""
    mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
    unified = next((Path(m[4]) for m in mounts if "cgroup2" in m[m.index("-") :]), None)
    reasons = []
    if unified is not None and "memory" in _words(unified / "cgroup.controllers"):
        for place in _delegated(unified):
            given = {which: place for which in CONTROLLERS if which in _words(place / "cgroup.subtree_control")}
            reason = _probe(Cgroups(2, given)) if "memory" in given else f"{place} passes no memory controller on"
            if reason is None:
                return Cgroups(2, given, "" if len(given) == len(CONTROLLERS) else f"{place} does not pass it on")
            reasons.append(reason)
        return Cgroups(0, {}, reasons[0] if reasons else "no group of version 2 is this user's to divide")
    places = _version_1(mounts)
    reason = _probe(Cgroups(1, places)) if places else "this machine has no control groups"
    return Cgroups(1, places) if reason is None else Cgroups(0, {}, reason)


def none_mounted() -> bool:
    """True where no hierarchy of control groups is mounted: container runtimes refuse such a machine."""
    mounts = (line.split() for line in _MOUNTS.read_text().splitlines())
    return not any(mount[mount.index("-") + 1].startswith("cgroup") for mount in mounts)


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _delegated(unified: Path) -> list[Path]:
    """Returns groups of version 2 that may be divided: root's top one, or those above this process that belong to its user."""
    if os.geteuid() == 0:
        return [unified]
    own = next((line[3:] for line in _SELF.read_text().splitlines() if line.startswith("0::")), "/")
    here = unified / own.strip("/")
    above = [place for place in (here, *here.parents) if place.is_relative_to(unified)]
    return [place for place in above if os.access(place, os.W_OK) and os.access(place / "cgroup.procs", os.W_OK)]


def _version_1(mounts: list[list[str]]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for mount in mounts:
        kind, _source, options = mount[mount.index("-") + 1 :][:3]
        if kind == "cgroup":
            found |= {which: Path(mount[4]) for which in CONTROLLERS if which in options.split(",")}
    return found


def _probe(cgroups: Cgroups) -> str | None:
    """Returns why no process can be put into a new group there; None if it can."""
    group = cgroups.group(f"probe-{os.getpid()}")
    try:
        group.make(ResourceLimits(1, 1))
        done = subprocess.run([*group.wrapper, "/bin/true"], capture_output=True, text=True, check=False, timeout=20)
        return None if done.returncode == 0 else f"a process cannot enter a separate group: {done.stderr.strip()}"
    except OSError as error:
        return f"cannot create a separate group: {error}"
    finally:
        group.remove()
