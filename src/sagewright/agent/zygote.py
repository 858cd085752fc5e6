"""The fork server, `python -m sagewright.agent.forkserver FD [PLACE NUMBER]`: forks agents that have everything imported already.

Requests are JSON lines over the socket FD: {"directory": "…"} forks an agent and is answered {"pid": n}; {} is answered {"pid": 0}
when this process is warm. It ends when the other end of the socket is closed. It must stay single-threaded.

With PLACE, NUMBER agents are forked ahead, each with a sandbox that waits for a job (`cell`); an agent that has one is answered
{"pid": n, "group": "its control group"}.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import sagewright
from sagewright.agent import library
from sagewright.agent.__main__ import main as run_agent
from sagewright.agent.cells.cell import Cell, remove_cell
from sagewright.agent.cells.keeper import CellDirectory, Keeper, SpareCell
from sagewright.agent.cells.priority import set_priority
from sagewright.agent.cells.waiting import has_perl
from sagewright.agent.hostfile import HostFile, read_host_file
from sagewright.agent.parallel import prepare_threads
from sagewright.agent.s3 import preload
from sagewright.model import titles
from sagewright.runtimes.pipconfig import pip_sources
from sagewright.sandbox.cgroups import find_cgroups
from sagewright.sandbox.choose import choose_sandbox
from sagewright.sandbox.users import SPARE

THREADS = 4
"""Threads that an agent with a cell starts ahead: those of its reports, watchdog, volume and downloads."""
_LOWER = 10
"""Amount by which the priority of a process that makes a cell is lowered: it gets about a tenth of a concurrent job's CPU time."""


class Zygote:
    """`place` and `most`: where cells are kept, and how many; 0 for none."""

    def __init__(self, connection: socket.socket, place: Path, most: int) -> None:
        self._connection = connection
        self._children: set[int] = set()
        self._ended: list[int] = []
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._keeper = Keeper(place, most, self._fork_cell) if most else None

    def serve(self) -> None:
        """Answers requests until the other end is closed."""
        signal.signal(signal.SIGCHLD, lambda _number, _frame: self._reap())
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        preload()
        pip_sources()
        library.preload(Path(sagewright.__file__).parent)
        SPARE.prepare()
        if self._keeper is not None:
            _can_raise_priority()
            has_perl()
            self._keeper.sweep()
        gc.collect()
        gc.freeze()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError), self._connection.makefile("rb") as requests:
            while self._wait() and (line := requests.readline()):
                answer = self._answer(json.loads(line))
                self._connection.sendall(json.dumps(answer).encode() + b"\n")
                self._tidy()
        if self._keeper is not None:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._keeper.close()

    def _wait(self) -> bool:
        """Waits for a request; maintains cells in the meantime."""
        while True:
            timeout = None if self._keeper is None else self._keeper.wait_s()
            ready, _, _ = select.select([self._connection.fileno(), self._woken], [], [], timeout)
            if self._woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
                self._tidy()
            if self._connection.fileno() in ready:
                return True
            if self._keeper is not None:
                self._keeper.work()
                self._tidy()

    def _tidy(self) -> None:
        self._reap()
        while self._ended:
            pid = self._ended.pop()
            if self._keeper is not None:
                self._keeper.lost(pid)
        SPARE.prepare()

    def _answer(self, request: dict[str, str]) -> dict[str, Any]:
        if "directory" not in request:
            return {"pid": 0}
        directory = Path(request["directory"])
        find_cgroups()
        choose_sandbox("auto", directory)  # agents inherit its findings about this machine
        host = None if self._keeper is None else _host_at(directory)
        if host is not None and (spare := self._spare_for(host)) is not None:
            return {"pid": spare.pid, "group": spare.directory.name}
        try:
            pid = self._fork()
        except OSError as error:
            return {"error": str(error)}
        if pid == 0:
            _become_agent(directory)
        if self._keeper is not None and host is not None:
            self._keeper.watch(pid, host)
        return {"pid": pid}

    def _spare_for(self, host: HostFile) -> SpareCell | None:
        """Returns a spare cell; an internal fault in finding one must not cost the jobs their fork server."""
        try:
            return None if self._keeper is None else self._keeper.take(host)
        except Exception:
            traceback.print_exc()
            return None

    def _fork(self) -> int:
        """Forks like os.fork; the child keeps none of this process's resources except its memory."""
        pid = os.fork()
        if pid:
            self._children.add(pid)
            SPARE.leave()  # the child has them
            return pid
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for own in (self._connection, *([] if self._keeper is None else self._keeper.sockets())):
            os.close(own.fileno())
        for descriptor in (self._woken, self._wake):
            os.close(descriptor)
        return 0

    def _fork_cell(self, place: CellDirectory) -> int:
        pid = self._fork()
        if pid == 0:
            _become_cell(place)
        return pid

    def _reap(self) -> None:
        """Reaps ended children; no other child is affected."""
        for pid in list(self._children):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG)[0] == 0:
                    continue
            self._children.discard(pid)
            self._ended.append(pid)


def _host_at(directory: Path) -> HostFile | None:
    try:
        return read_host_file(directory)
    except (OSError, ValueError, KeyError, TypeError):  # the agent reports what is wrong with it
        return None


def _become_agent(directory: Path, cell: Cell | None = None) -> NoReturn:
    """Runs an agent in the forked child."""
    status = 70
    try:
        _redirect(directory / "agent.log")
        status = run_agent(directory, cell)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(status)


def _become_cell(place: CellDirectory) -> NoReturn:
    """Makes the cell in the forked child and waits for its job; without one, removes it. A job that arrives before the cell is
    ready gets an agent in any case."""
    status = 70
    try:
        titles.show(titles.SANDBOX)
        priority = _lower_priority()
        cell = _made_cell(place)
        if cell is None:
            remove_cell(place.directory)
        else:
            _say(place.socket, b"r")
            prepare_threads(THREADS)
        line = _described(place.socket, wait=cell is not None)
        if cell is not None and not (line and cell.is_whole()):
            cell.abandon()
            cell = None
        if line:
            set_priority((os.getpid(),), priority)
            if cell is not None:
                cell.hasten(priority)
            _say(place.socket, b"t")
            place.socket.close()
            _become_agent(Path(json.loads(line)["directory"]), cell)
        status = 0
    except BaseException:
        traceback.print_exc()
        remove_cell(place.directory)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(status)


def _made_cell(place: CellDirectory) -> Cell | None:
    try:
        return Cell(place.kind, place.directory)
    except Exception as error:
        sys.stderr.write(f"cannot prepare a sandbox: {type(error).__name__}: {error}\n")
        return None


def _say(connection: socket.socket, word: bytes) -> None:
    """Sends a word to the fork server, which no longer listens if a job got the cell before it was ready."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(word)


def _lower_priority() -> int:
    """Lowers the priority: a job that has just started needs the processors more than preparations for the next one
    do. Returns the previous priority, or keeps it if it could not be restored later."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    if _can_raise_priority():
        os.setpriority(os.PRIO_PROCESS, 0, min(before + _LOWER, 19))
    return before


@functools.cache
def _can_raise_priority() -> bool:
    """True if a priority can be raised again; tried in a separate process."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            before = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, 0, min(before + 1, 19))
            os.setpriority(os.PRIO_PROCESS, 0, before)
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


def _described(connection: socket.socket, *, wait: bool) -> bytes:
    """Returns one line; none if the fork server no longer needs the cell, or has ended. Unless `wait`, returns none if none has
    arrived, and then none can be sent any more."""
    if not wait:
        connection.shutdown(socket.SHUT_RD)
    with connection.makefile("rb") as lines:
        try:
            return lines.readline()
        except ConnectionResetError:  # it has not even read that the cell is ready
            return b""


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    to_log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(to_log, 1)
    os.dup2(to_log, 2)
    os.close(nothing)
    os.close(to_log)
