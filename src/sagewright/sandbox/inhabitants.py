"""The processes of a job's sandbox, found from its agent by what the kernel reports of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = b"SAGEWRIGHT_CPUS="
"""Begins a variable that every job's own processes have, and an agent's other children lack."""
_MOST_BYTES = 1 << 20
"""Maximum size of an environment; a job can show any."""
_CONTAINER = b"sagewright.sandbox.containers.process"


class NoInhabitant(LookupError):
    """The job has no process that another can join; the message says why."""


@dataclass(frozen=True)
class Inhabitant:
    """A process of a job. `pid`: one with its rights: in a sandbox the first process, which runs no code of the user's; `cwd`,
    `environ`: of the user's own process, as that process shows them."""

    pid: int
    cwd: str
    environ: dict[str, str]


def find_inhabitant(agent: int, below: Callable[[int], list[int]]) -> Inhabitant:
    """Returns the job's process below an agent's. `below`: returns the descendants of a process. Raises NoInhabitant."""
    outside = len(_numbers("self"))
    pids = sorted(below(agent))
    inside = [pid for pid in pids if len(_numbers(pid)) > outside]
    marked = [pid for pid in (inside or pids) if _is_marked(pid)]
    if not marked:
        if any(_CONTAINER in _bytes(pid, "cmdline") for pid in pids):
            raise NoInhabitant("it runs in a container")
        raise NoInhabitant("its process has not started, or has ended")
    first = next((pid for pid in inside if _numbers(pid)[-1] == 1), marked[0])
    cwd = "/"
    with suppress(OSError):
        cwd = os.readlink(f"/proc/{marked[0]}/cwd")  # noqa: PTH115 - a path in the sandbox
    return Inhabitant(first, cwd, _environ(marked[0]))


def _numbers(pid: int | str) -> list[int]:
    """Returns the process's ids, from our namespace to its own; [] if it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return list(map(int, line.split()[1:]))
    return []


def _is_marked(pid: int) -> bool:
    environ = _bytes(pid, "environ")
    return environ.startswith(MARK) or b"\0" + MARK in environ


def _environ(pid: int) -> dict[str, str]:
    words = (os.fsdecode(word).partition("=") for word in _bytes(pid, "environ").split(b"\0"))
    return {name: value for name, equals, value in words if name and equals}


def _bytes(pid: int, name: str) -> bytes:
    with suppress(OSError), Path(f"/proc/{pid}/{name}").open("rb") as file:
        return file.read(_MOST_BYTES)
    return b""
