"""The host's share of the machine: a control group around its process where one is available, otherwise other limits."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import psutil

from sagewright.agent.hostfile import HostFile
from sagewright.sandbox.cgroups import Cgroups, ControlGroup, ResourceLimits, find_cgroups

_WORDS = {"memory": "memory", "cpu": "CPUs", "pids": "the number of processes"}


class HostShare:
    """`wrapper` precedes the process's command; `close` ends the remaining processes."""

    def __init__(self, host: HostFile, log: Callable[[str], None], group: ControlGroup | None = None) -> None:
        """`group`: a group made in advance, used instead of one with the host's name."""
        self._share, self._log = ResourceLimits(host.cpus, host.memory_gb), log
        self._kind = host.group.instance_type
        self._cgroups = find_cgroups() if host.limits == "auto" else Cgroups(0, {}, "the server's setting says so")
        self._group = group or (self._cgroups.group(host.host_id) if self._cgroups.places else None)

    def not_held(self) -> str:
        """Returns a sentence for the first line of the log about limits that cannot be enforced; empty if all are."""
        missing = [which for which in _WORDS if which not in self._cgroups.places]
        if "pids" in missing and self._processes_by_user():
            missing.remove("pids")
        if not missing:
            return ""
        words = ", ".join(_WORDS[which] for which in missing)
        return f" Not limited by force: {words} ({self._cgroups.reason})."

    def wrapper(self) -> list[str]:
        """Makes the group and returns the program that enters it. Raises OSError."""
        by_user = self._processes_by_user()
        if self._group is None:
            return by_user
        self._group.make(self._share)
        return [*self._group.wrapper, *by_user]

    def limit(self) -> None:
        """Applies the limits to what is already in the group. Raises OSError."""
        if self._group is not None:
            self._group.limit(self._share)

    def _processes_by_user(self) -> list[str]:
        """Limits the user's processes where no group counts them: those already running plus the share's. Root has no limit."""
        if "pids" in self._cgroups.places or os.geteuid() == 0:
            return []
        prlimit = shutil.which("prlimit")
        limit = _threads_of_user() + self._share.processes
        return [prlimit, f"--nproc={limit}:{limit}"] if prlimit else []

    @property
    def memory_bytes(self) -> int:
        return self._share.memory_bytes

    def used(self) -> tuple[float, int] | None:
        """Returns the CPU seconds and the bytes of memory that the group has used; None without a group."""
        return None if self._group is None else self._group.used()

    def kill(self, spared: set[int]) -> None:
        """Kills every process of the group, and waits for all but `spared` to end."""
        if self._group is not None:
            self._group.kill(spared)

    def close(self) -> None:
        """Ends everything in it."""
        if self._group is not None:
            self._group.remove()

    def tell(self) -> str:
        """Logs what the share cost the process, which has ended. Returns the sentence about its memory, "" if that was enough."""
        if self._group is None:
            return ""
        killed, refused = self._group.out_of_memory(), self._group.refused_processes()
        said = (
            f"Out of memory: the job used more than the {self._share.memory_gb:g} GiB that it may use of {self._kind} here, "
            f"and the system killed {killed} of its processes."
        )
        if killed:
            self._log(said)
        if refused:
            self._log(f"The job was refused more than {self._share.processes} processes and threads.")
        return said if killed else ""


def _threads_of_user() -> int:
    uid, count = os.geteuid(), 0
    for process in psutil.process_iter(["uids", "num_threads"]):
        uids = process.info["uids"]
        count += (process.info["num_threads"] or 1) if uids is not None and uids.real == uid else 0
    return count
