"""The processes of a job's sandbox, found from its agent through the kernel's process information, and programs that join them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagewright.sandbox.kernel import descendants
from sagewright.sandbox.seccomp import seccomp_filter

MARKS = (b"SM_MODEL_DIR=", b"SAGEWRIGHT_CPUS=")
"""Begin variables that a job's own processes have, and an agent's other children lack: those of its script, and of any program."""
_MOST_BYTES = 1 << 20
"""Maximum size of an environment; a job can show any."""
_CONTAINER = b"sagewright.sandbox.containers.process"


class NoInhabitant(LookupError):
    """The job has no process that another can join; the message says why."""


@dataclass(frozen=True)
class Inhabitant:
    """The first of a job's own processes: its script, if it has one. `cwd`, `environ`: as that process shows them, which may be
    anything."""

    pid: int
    cwd: str
    environ: dict[str, str]


@dataclass(frozen=True)
class JoiningProgram:
    """A program that joins. `commands`: the first one that exists is executed; `variables` are added to the job's; `terminal`: True
    if the standard input is to be its controlling terminal."""

    commands: Sequence[Sequence[str]]
    variables: Mapping[str, str] = field(default_factory=dict)
    terminal: bool = False


def find_inhabitant(agent: int) -> Inhabitant:
    """Returns the job's process below an agent's. Raises NoInhabitant."""
    outside = len(_numbers("self"))
    pids = sorted(descendants(agent))
    inside = [pid for pid in pids if len(_numbers(pid)) > outside]
    pid = next((pid for mark in MARKS for pid in inside or pids if _has(pid, mark)), None)
    if pid is None:
        if any(_CONTAINER in _bytes(one, "cmdline") for one in pids):
            raise NoInhabitant("it runs in a container")
        raise NoInhabitant("its process has not started, or has ended")
    cwd = "/"
    with suppress(OSError):
        cwd = os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115 - a path in the sandbox
    return Inhabitant(pid, cwd, _environ(pid))


def start_joining(
    found: Inhabitant, program: JoiningProgram, stdin: int, stdout: int, stderr: int
) -> subprocess.Popen[bytes]:
    """Starts a program that joins a job's process, with its permissions; the three are descriptors, or subprocess.PIPE. Raises
    OSError.

    Its request goes through an unnamed file: no process list shows it.
    """
    filtering = seccomp_filter(set_ids=False)
    spec: dict[str, Any] = {
        "pid": found.pid,
        "argv": [list(words) for words in program.commands],
        "environ": found.environ | dict(program.variables),
        "cwd": found.cwd,
        "terminal": program.terminal,
        "filter": "" if filtering is None else filtering.hex(),
    }
    described = os.memfd_create("sagewright-joining", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(described), "wb") as file:
            file.write(json.dumps(spec).encode())
        os.lseek(described, 0, os.SEEK_SET)
        pid = os.pidfd_open(found.pid)
        try:
            return subprocess.Popen(
                [sys.executable, "-I", str(Path(__file__).with_name("joining.py")), str(pid), str(described)],
                pass_fds=(pid, described),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                cwd="/",
                start_new_session=True,
            )
        finally:
            os.close(pid)
    finally:
        os.close(described)


def _numbers(pid: int | str) -> list[int]:
    """Returns the process's ids, from our namespace to its own; [] if it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return list(map(int, line.split()[1:]))
    return []


def _has(pid: int, mark: bytes) -> bool:
    environ = _bytes(pid, "environ")
    return environ.startswith(mark) or b"\0" + mark in environ


def _environ(pid: int) -> dict[str, str]:
    words = (os.fsdecode(word).partition("=") for word in _bytes(pid, "environ").split(b"\0"))
    return {name: value for name, equals, value in words if name and equals}


def _bytes(pid: int, name: str) -> bytes:
    with suppress(OSError), Path(f"/proc/{pid}/{name}").open("rb") as file:
        return file.read(_MOST_BYTES)
    return b""
