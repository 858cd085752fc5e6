"""Memory shared by the hosts of one job on one machine: for collectives without a network.

It is an unnamed file that lives as long as a process has it open, so nothing is left however a job ends. Its size is fixed and
sealed. A page counts as memory of the host that first writes it, like its other memory.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress

from sagewright.agent.hostfile import HostFile
from sagewright.agent.process.gang import await_decision, publish

_LARGEST_BYTES = 512 << 20
_PART_OF_SHARE = 8  # limits it to this fraction of the memory of all the job's hosts
_NAME = "memory"


class JobMemory:
    """One host's descriptor of the memory; None if the hosts share none."""

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = descriptor

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def open_memory(host: HostFile, possible: bool, check: Callable[[], None]) -> JobMemory:
    """Opens the memory. `possible`: True if the sandbox can pass it to the process; `check` raises if the job should not go on."""
    if host.network == "machines" or not possible:
        return JobMemory()
    if len(host.hosts) == 1:
        return JobMemory(_make(host))
    if host.is_first:
        made = _make(host)
        publish(host, _NAME, {"pid": os.getpid(), "descriptor": made})
        return JobMemory(made)
    decision = await_decision(host, _NAME, check)
    with suppress(OSError):  # the first host has ended, which ends the job soon
        return JobMemory(os.open(f"/proc/{decision['pid']}/fd/{decision['descriptor']}", os.O_RDWR))
    return JobMemory()


def _make(host: HostFile) -> int | None:
    made = make_file()
    if made is not None:
        seal(made, host)
    return made


def make_file() -> int | None:
    """Returns an empty file whose size can still be set; None where that is unsupported."""
    try:
        return os.memfd_create("sagewright-job", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError:
        return None


def seal(made: int, host: HostFile) -> None:
    """Fixes the size of this job's memory."""
    share = int(len(host.hosts) * host.memory_gb * (1 << 30)) // _PART_OF_SHARE
    os.ftruncate(made, min(_LARGEST_BYTES, max(share, 1 << 20)))
    fcntl.fcntl(made, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
