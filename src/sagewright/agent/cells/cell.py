"""A cell: a sandbox with its control group and a waiting toolkit inside, made before the job is known. It serves one job, once.

It has a separate directory. The job's agent, which made it, moves the contents to the host's directory: mounts follow files
rather than names, so nothing is mounted again. Then the process inside receives its launch.
"""

from __future__ import annotations

import json
import os
import select
import selectors
import socket
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sagewright.agent.cells.kinds import Ahead, CellKind
from sagewright.agent.cells.priority import set_priority
from sagewright.agent.cells.waiting import ENVIRON, waiting_program
from sagewright.agent.hostfile import HostFile
from sagewright.agent.process.memory import JobMemory, make_file, seal
from sagewright.agent.process.process import Started, start_process
from sagewright.jobfiles.removal import remove_tree
from sagewright.sandbox import view
from sagewright.sandbox.base import Launch, check_words
from sagewright.sandbox.bwrap import BwrapSandbox
from sagewright.sandbox.cgroups import ControlGroup, find_cgroups
from sagewright.sandbox.kernel import descendants
from sagewright.sandbox.layout import ML_ROOT

LOCK = "lock"
"""Lock file in a cell's directory: locked while its agent lives and has not moved out."""
_READY_S = 20.0
_TELL_S = 10.0
_WAITING = ["python", "-m", "sagewright.toolkit", "train"]
_WRITTEN = ("ml",)
"""Directories of the process into which the agent has written since its sandbox was made."""


class CellFailed(RuntimeError):
    """The cell could not be created; the message gives the reason."""


class Cell:
    """A cell, made and used in the main thread of one agent; everything in it ends with that agent."""

    def __init__(self, kind: CellKind, directory: Path) -> None:
        """Makes a cell in an existing directory. Raises CellFailed, Unavailable, OSError."""
        self.kind, self.name, self._made_in, self._directory = kind, directory.name, directory, directory
        self.sandbox = BwrapSandbox(directory)
        self.group: ControlGroup | None = cell_group(directory.name)
        self._memory: JobMemory | None = JobMemory(make_file())
        self._started: Started | None = None
        self._entered = False
        self._inside: list[int] = []
        """Descriptors of its processes, each of them readable once the process has ended."""
        self._socket, theirs = socket.socketpair()
        try:
            with theirs:
                self._start(theirs)
            self._await_ready()
            inside = descendants(os.getpid())
            self._processes = [os.getpid(), *inside]
            self._inside += [os.pidfd_open(pid) for pid in inside]
        except BaseException:
            self.close()
            raise

    def _start(self, stdin: socket.socket) -> None:
        (self._directory / "ml").mkdir()
        if self.group is not None:
            self.group.create()
        made = self.sandbox.command(self._launch())
        enter_group = [] if self.group is None else self.group.wrapper
        self._started = start_process(replace(made, wrapper=[*enter_group, *made.wrapper]), stdin.fileno())

    def _launch(self) -> Launch:
        assert self._memory is not None
        return Launch(
            argv=waiting_program() if self.kind.plain else _WAITING,
            directory=self._directory,
            environ={**ENVIRON, **_told_ahead(self.kind.ahead)},
            host=self.kind.host,
            addresses={},
            library=self.kind.library,
            environment=self.kind.environment,
            readable=list(self.kind.readable),
            memory=self._memory.descriptor,
        )

    def _await_ready(self) -> None:
        """Waits until the toolkit reports that it is waiting; any earlier message is an error."""
        assert self._started is not None
        assert self._started.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            for source in (self._socket, self._started.process.stdout):
                selector.register(source, selectors.EVENT_READ)
            ready = [key.fileobj for key, _events in selector.select(_READY_S)]
        if ready != [self._socket] or self._socket.recv(1) != b"r":
            said = (
                os.read(self._started.process.stdout.fileno(), 1000) if self._started.process.stdout in ready else b""
            )
            raise CellFailed(f"the toolkit does not wait in its sandbox: {said.decode(errors='replace')}")

    def is_whole(self) -> bool:
        """Returns True if all its processes live and one of them waits. A killed one is detected before its sandbox has ended."""
        if self._entered or self._started is None or _ended(self._inside):
            return False
        try:
            return self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def hasten(self, priority: int) -> None:
        """Gives everything in it this priority: it was created with a lower one."""
        set_priority(self._processes, priority)

    def move(self, directory: Path) -> bool:
        """Moves the cell's files into the host's directory; returns False if files with their names exist, left by the agent of
        another attempt. Raises OSError."""
        parts = [part for part in self._made_in.iterdir() if part.name != LOCK]
        if any((directory / part.name).exists() for part in parts):
            return False
        for part in parts:
            part.rename(directory / part.name)
        self._directory = directory
        return True

    def leave(self) -> None:
        """Removes the cell's directory, whose contents now belong to the host."""
        with suppress(OSError):
            (self._made_in / LOCK).unlink()
            self._made_in.rmdir()

    def memory(self, host: HostFile) -> JobMemory:
        """Returns the job's memory, whose ownership passes to the caller. Raises OSError."""
        assert self._memory is not None
        memory, self._memory = self._memory, None
        if memory.descriptor is not None:
            seal(memory.descriptor, host)
        return memory

    def enter(self, launch: Launch, *, own_variables: bool) -> Started:
        """Turns the process inside into the launch's, in the directory that the cell was moved to. The cell then belongs to the
        job. `own_variables`: True if the job brings variables.

        Raises CannotLaunch, OSError.
        """
        check_words(launch)
        assert self._started is not None
        view.write_hosts(launch.directory, launch.addresses)
        self.sandbox.hand_over(launch.directory, _WRITTEN)
        self._socket.settimeout(_TELL_S)
        self._socket.sendall(self._described(launch, own_variables=own_variables))
        self._socket.shutdown(socket.SHUT_WR)
        self._socket.setblocking(False)
        self._entered = True
        self._forget_processes()
        return replace(self._started, refusals=self._socket)

    def _described(self, launch: Launch, *, own_variables: bool) -> bytes:
        """Returns what the waiting process has to know: see toolkit.ahead."""
        environ = self.sandbox.environ(launch)
        if not self.kind.plain:
            return json.dumps({"argv": launch.argv, "environ": environ, "own": own_variables}).encode()
        environ["PWD"] = str(ML_ROOT)  # as bwrap does at last
        variables = [f"{name}={value}" for name, value in environ.items()]
        parts = [str(len(launch.argv)), str(len(variables)), *launch.argv, *variables]
        return b"".join(os.fsencode(part) + b"\0" for part in parts)

    def close(self) -> None:
        """Ends the cell, unless a job has entered it: then all of it belongs to the job."""
        if self._entered:
            return
        self._socket.close()
        self._forget_processes()
        if self._started is not None:
            self._end(self._started)
            self._started = None
        self.sandbox.close(self._directory)
        if self.group is not None:
            self.group.remove()
            self.group = None
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def _forget_processes(self) -> None:
        while self._inside:
            os.close(self._inside.pop())

    def abandon(self) -> None:
        """Closes the cell and removes the directory that it was made in."""
        self.close()
        remove_cell(self._made_in)

    def _end(self, started: Started) -> None:
        started.process.kill()
        with suppress(subprocess.TimeoutExpired):
            started.process.wait(_TELL_S)
        if started.process.stdout is not None:
            started.process.stdout.close()
        if started.status_fd >= 0:
            os.close(started.status_fd)


def _ended(processes: list[int]) -> bool:
    """Returns True if one of the processes with these descriptors has ended."""
    poll = select.poll()
    for descriptor in processes:
        poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _told_ahead(ahead: Ahead) -> dict[str, str]:
    """Returns the environment variables of the waiting toolkit (see toolkit.ahead.ready)."""
    return {**dict(ahead.variables), "SAGEWRIGHT_AHEAD": ",".join(ahead.modules)} if ahead.modules else {}


def cell_group(name: str) -> ControlGroup | None:
    """Returns the control group of the cell in the directory with that name; None if there are no groups."""
    found = find_cgroups()
    return found.group(name) if found.places else None


def remove_cell(directory: Path) -> None:
    """Removes the remains of a cell whose agent ended unexpectedly."""
    group = cell_group(directory.name)
    if group is not None:
        group.remove()
    for work in directory.glob("overlay/work/work"):
        with suppress(OSError):
            work.chmod(0o700)
    remove_tree(directory)
