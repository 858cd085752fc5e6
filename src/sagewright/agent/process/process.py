"""The user's process: its start in the sandbox, its output line by line, its end."""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sagewright.agent.control import Control
from sagewright.agent.reports.lines import LineSplitter
from sagewright.model.jobs.brief import EndCause
from sagewright.sandbox.base import Command
from sagewright.sandbox.kernel import descendants, runs

_PR_SET_CHILD_SUBREAPER = 36
_DRAIN_S = 5.0  # for output still in the pipe after the process has ended
_CHUNK = 1 << 16
_DONE_GRACE_S = 3.0  # for a server that is no longer needed; many shells in containers ignore SIGTERM
GONE, FAILED = "gone", "failed"
"""Reasons for which this agent killed the process: it no longer owns the job, or the job cannot go on."""
_FULL_S = 0.02  # interval of checks whether the log accepts lines again


class SandboxFailed(RuntimeError):
    """The sandbox ended before the process was started; the message is its output."""


@dataclass(frozen=True)
class Exit:
    """`code` is 128 + n after signal n; `cause` is an EndCause, or GONE or FAILED."""

    code: int
    cause: str


@dataclass(frozen=True)
class ProcessLimits:
    """`deadline` is on time.monotonic()'s clock; `kill` ends the remaining processes at once, if they are in a group; it need not
    wait for those that it is given."""

    stop_grace_s: float
    deadline: float
    kill: Callable[[set[int]], None] = lambda _spared: None


class Log(Protocol):
    """The destination of the process's output, line by line."""

    def ready(self) -> bool:
        """True if lines should be read from the process; otherwise it blocks once its pipe is full."""
        ...

    def lines(self, texts: list[str]) -> None: ...


@dataclass(frozen=True)
class Started:
    """A process that was started for a command; `status_fd` is where its sandbox writes its documents, -1 if it writes none.

    `refusals`: readable if a process could not execute the command's program.
    """

    process: subprocess.Popen[bytes]
    status_fd: int
    refusals: socket.socket | None = None


def start_process(command: Command, stdin: int = subprocess.DEVNULL) -> Started:
    """Starts a process. Must be called from the main thread: the sandbox dies with the thread that starts it. Raises OSError."""
    _adopt_orphans()
    status_fd, status_end = os.pipe() if command.status_fd_option else (-1, -1)
    argv = list(command.argv)
    if command.status_fd_option:
        argv[1:1] = [command.status_fd_option, str(status_end)]
    try:
        process = subprocess.Popen(
            [*command.wrapper, *argv],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=command.environ,
            cwd=command.cwd,
            start_new_session=True,
            pass_fds=[*command.descriptors, *([status_end] if command.status_fd_option else [])],
        )
    except BaseException:
        if status_fd >= 0:
            os.close(status_fd)
        raise
    finally:
        if status_end >= 0:
            os.close(status_end)
    if status_fd >= 0:
        os.set_blocking(status_fd, False)
    return Started(process, status_fd)


def run_process(command: Command, control: Control, limits: ProcessLimits, log: Log) -> Exit:
    """Starts the command and returns when it and everything it started have ended. As `start_process`; raises SandboxFailed,
    OSError."""
    return attend_process(start_process(command), control, limits, log)


def attend_process(started: Started, control: Control, limits: ProcessLimits, log: Log) -> Exit:
    """Returns when the process and everything it started have ended. Raises SandboxFailed, OSError."""
    running = _Running(started, control, limits, log)
    try:
        return running.until_end()
    finally:
        running.close()


def _adopt_orphans() -> None:
    """Makes orphaned processes children of this one, so that none can hide from `_kill_left`."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class _Running:
    def __init__(self, started: Started, control: Control, limits: ProcessLimits, log: Log) -> None:
        self._control = control
        self._limits = limits
        self._log = log
        self._splitter = LineSplitter()
        self._last_line = ""
        self._cause: str = EndCause.EXIT
        self._status = b""
        self._kill_at: float | None = None
        self._process, self._status_fd, self._refusals = started.process, started.status_fd, started.refusals
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        self._pid_fd = os.pidfd_open(self._process.pid)
        self._selector = selectors.DefaultSelector()
        for fd in (self._output, self._pid_fd, control.wake_fd):
            self._selector.register(fd, selectors.EVENT_READ)
        self._listening = self._open = True

    def until_end(self) -> Exit:
        while True:
            self._react()
            self._listen(self._log.ready())
            ready = {key.fd for key, _events in self._selector.select(self._timeout())}
            if self._output in ready:
                self._read()
            if self._control.wake_fd in ready:
                self._control.drain()
            if self._pid_fd in ready:
                break
        code = self._process.wait()
        spared = self._sandbox_init()
        self._limits.kill(spared)
        self._read_rest(alone=_kill_left(spared))
        self._check_sandbox(code)
        return Exit(128 - code if code < 0 else code, self._cause)

    def close(self) -> None:
        self._selector.close()
        os.close(self._pid_fd)
        if self._status_fd >= 0:
            os.close(self._status_fd)
        if self._process.stdout is not None:
            self._process.stdout.close()
        if self._refusals is not None:
            self._refusals.close()

    def _react(self) -> None:
        """Sends the signal that is due: SIGTERM first, SIGKILL after the grace period."""
        now = time.monotonic()
        if self._control.gone:
            self._cause = GONE
            self._process.kill()
        elif self._control.failure is not None:
            self._cause = FAILED
            self._process.kill()
        elif self._kill_at is not None:
            if now >= self._kill_at:
                self._process.kill()
        elif self._control.stop or now >= self._limits.deadline:
            self._cause = EndCause.STOP if self._control.stop else EndCause.MAX_RUNTIME
            self._kill_at = now + self._limits.stop_grace_s
            self._terminate()
        elif self._control.done:
            self._kill_at = now + min(self._limits.stop_grace_s, _DONE_GRACE_S)
            self._terminate()

    def _timeout(self) -> float:
        until = self._limits.deadline if self._kill_at is None else self._kill_at
        longest = 3600.0 if self._listening or not self._open else _FULL_S
        return min(max(0.0, until - time.monotonic()), longest)

    def _listen(self, requested: bool) -> None:
        """Starts or stops reading the process's output, which otherwise stays in the pipe."""
        if self._open and requested != self._listening:
            if requested:
                self._selector.register(self._output, selectors.EVENT_READ)
            else:
                self._selector.unregister(self._output)
            self._listening = requested

    def _terminate(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._inner_pid(), signal.SIGTERM)

    def _inner_pid(self) -> int:
        """Returns the user's own process: in a sandbox the first child of the sandbox's first process."""
        children = [child for first in self._sandbox_init() for child in _children(first)]
        return children[0] if children else self._process.pid

    def _sandbox_init(self) -> set[int]:
        """Returns the sandbox's own first process, if it has one. It ends with the sandbox, but needs time for the mounts."""
        return {note["child-pid"] for note in self._sandbox_notes() if "child-pid" in note}

    def _sandbox_notes(self) -> list[dict[str, Any]]:
        """Returns the JSON documents that the sandbox has written so far."""
        if self._status_fd >= 0:
            with suppress(BlockingIOError):
                while part := os.read(self._status_fd, 4096):
                    self._status += part
        return [json.loads(note) for note in self._status.splitlines()]

    def _read(self) -> bool:
        """Reads one chunk of output; returns False at its end."""
        chunk = os.read(self._output, _CHUNK)
        if not chunk:
            self._selector.unregister(self._output)
            self._open = False
            return False
        self._emit(self._splitter.feed(chunk))
        return True

    def _read_rest(self, *, alone: bool) -> None:
        """Reads the rest of the pipe. `alone`: no process can write to it any more, though a sandbox that is being
        torn down may still have its end open; otherwise reads until the end, for a bounded time."""
        for other in (self._pid_fd, self._control.wake_fd):
            self._selector.unregister(other)
        self._listen(True)
        until = time.monotonic() + _DRAIN_S
        while self._open and time.monotonic() < until:
            if self._selector.select(0 if alone else until - time.monotonic()):
                self._read()
            elif alone:
                break
        self._emit(self._splitter.flush())

    def _emit(self, lines: list[str]) -> None:
        if lines:
            self._log.lines(lines)
            self._last_line = lines[-1]

    def _check_sandbox(self, code: int) -> None:
        """Raises SandboxFailed if the process never ran: bwrap records an exit code only if it did."""
        if self._status_fd < 0 or code < 0 or self._cause in {GONE, FAILED}:
            return
        if self._is_refused() or not any("exit-code" in note for note in self._sandbox_notes()):
            raise SandboxFailed(self._last_line or f"the sandbox ended with {code}")

    def _is_refused(self) -> bool:
        if self._refusals is None:
            return False
        with suppress(OSError):
            return bool(self._refusals.recv(1))
        return False


def _kill_left(spared: set[int]) -> bool:
    """Kills every descendant of this agent, including those that left the process's session; waits for all but `spared`. Returns
    True if they have all ended."""
    for _round in range(20):
        left = [pid for pid in descendants(os.getpid()) if runs(pid)]
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if spared.issuperset(left):
            return True
        _await([pid for pid in left if pid not in spared])
    return False


def end_left() -> None:
    """Ends everything that this agent has started, including the remains of a sandbox."""
    _kill_left(set())


def _await(pids: list[int]) -> None:
    """Waits for a second at most."""
    until = time.monotonic() + 1
    while any(runs(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.001)


def _children(pid: int) -> list[int]:
    """Returns the children of a process, oldest first; [] if it has ended."""
    children: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += [int(child) for child in (task / "children").read_text().split()]
    return children
