"""Hosts as processes of this machine."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import psutil

from sagewright.compute.backend import BackendUnreachable, Handle, HostPlan, LaunchFailed, Pulse
from sagewright.compute.forkserver import Cells, ForkServer, ForkServerFailed
from sagewright.model import process_memory
from sagewright.model.jobs.agent_marks import GONE, read_mark, start_mark
from sagewright.model.machine import machine_name
from sagewright.sandbox.base import Unavailable
from sagewright.sandbox.cgroups import find_cgroups
from sagewright.sandbox.containers.container import end_containers
from sagewright.sandbox.containers.engine import EngineFailed
from sagewright.sandbox.kernel import await_end, runs

log = logging.getLogger("sagewright.compute")
HOST_ID_VARIABLE = "SAGEWRIGHT_HOST_ID"
_KILL_WAIT_S = 10.0
_ENDED_S = 2.0
_LOOK_S = 0.01


class LocalBackend:
    """Agents are detached processes of this machine, identified by pid and start time, so that a recycled pid is never hit.

    An agent that a killed server had started but not recorded is found by the mark in its directory; without a mark yet, another
    one may be started: the lock in the directory lets only one of them work. They are forked from a warm fork server; if that fails
    they are started as `python -m sagewright.agent`. Linux. Servers of several machines may share a store: for a host on another
    machine every method raises BackendUnreachable. `environ`: the variables of started agents; None: this process's own; `machine`:
    the name of this one; `cells`: how many sandboxes are kept ready, and where; None for none; `starter`: a command that executes
    the agent, where there is no fork server.
    """

    def __init__(
        self,
        *,
        fork_server: bool = True,
        environ: Mapping[str, str] | None = None,
        machine: str | None = None,
        cells: Cells | None = None,
        starter: Sequence[str] = (),
    ) -> None:
        self._machine = machine_name() if machine is None else machine
        self._environ, self._starter = environ, tuple(starter)
        self._forks = ForkServer(cells) if fork_server else None
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def launch(self, plans: list[HostPlan]) -> list[Handle]:
        started: list[Handle] = []
        try:
            for plan in plans:
                started.append(self._found(plan) or self._started(plan))
        except OSError as error:
            for handle in started:
                self.kill(handle)
            raise LaunchFailed(f"a host's agent could not be started: {error}") from error
        return started

    def _found(self, plan: HostPlan) -> Handle | None:
        mark = read_mark(plan.directory, str(plan.document["host_id"]))
        return None if mark is None else self._handle(mark, plan)

    def _started(self, plan: HostPlan) -> Handle:
        _write_document(plan)
        host_id = plan.document["host_id"]
        pid, group = self._start(plan.directory)
        mark = {"pid": pid, "started": start_mark(pid), "host_id": host_id, "group": group or host_id}
        return self._handle(mark, plan)

    def _handle(self, mark: Mapping[str, Any], plan: HostPlan) -> Handle:
        return {**mark, "directory": str(plan.directory), "machine": self._machine}

    def _check_here(self, handle: Handle) -> None:
        where = handle.get("machine", self._machine)
        if where != self._machine:
            raise BackendUnreachable(f"it is on another machine ({where})")

    def poll(self, handle: Handle) -> Pulse:
        self._check_here(handle)
        self._reap()
        return Pulse(True) if _pid_of(handle) else Pulse(False, "it was killed or crashed")

    def stop(self, handle: Handle) -> None:
        self._check_here(handle)
        self._reap()
        if pid := _pid_of(handle):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def kill(self, handle: Handle) -> None:
        self._check_here(handle)
        pid = _pid_of(handle)
        if _has_ended_all(handle):
            _kill(_processes([pid] if pid else []))
        else:
            self._kill_all(handle, pid)
        for group in {str(handle["host_id"]), str(handle.get("group", ""))} - {
            ""
        }:  # an agent may have given up its cell
            find_cgroups().group(group).remove()
        self._reap()
        if "directory" in handle:
            _end_containers(Path(handle["directory"]))

    def _kill_all(self, handle: Handle, pid: int | None) -> None:
        """Kills the agent and its descendants. Remains of a killed agent (no sandbox, or a daemon that left its session) are
        identified by their environment."""
        deadline = time.monotonic() + _KILL_WAIT_S
        if pid:
            _kill(_family(pid))
        while (left := _marked(str(handle["host_id"]))) and time.monotonic() < deadline:
            _kill(left)

    def warm(self) -> None:
        """Starts the fork server now, so that the first job does not wait for it. Never raises."""
        if self._forks is not None:
            with suppress(ForkServerFailed):
                self._forks.warm()

    def close(self) -> None:
        """Ends the fork server; the agents go on."""
        if self._forks is not None:
            self._forks.close()
        with self._lock:
            for child in self._children.values():
                child.returncode = child.poll() or 0  # it is no longer ours to wait for
            self._children.clear()

    def _start(self, directory: Path) -> tuple[int, str]:
        """Returns the agent's pid, and the control group that was made for it in advance, if any."""
        if self._forks is not None:
            with suppress(ForkServerFailed):  # a slow start is better than none
                return self._forks.spawn(directory)
        child = self._start_detached(directory)
        with self._lock:
            self._children[child.pid] = child
        return child.pid, ""

    def _start_detached(self, directory: Path) -> subprocess.Popen[bytes]:
        with (directory / "agent.log").open("ab") as log:
            child = subprocess.Popen(
                [*self._starter, sys.executable, "-m", "sagewright.agent", str(directory)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environ,
                start_new_session=True,
                cwd="/",
            )
        process_memory.free(child.pid)
        return child

    def _reap(self) -> None:
        """Reaps ended children, which would stay zombies."""
        with self._lock:
            for pid in [pid for pid, child in self._children.items() if child.poll() is not None]:
                del self._children[pid]


def _end_containers(directory: Path) -> None:
    """Ends the containers of a host; an engine that is missing or stuck must not keep a job from ending."""
    try:
        end_containers(directory)
    except (EngineFailed, Unavailable) as error:
        log.warning("containers of %s may still run: %s", directory, error)


def _write_document(plan: HostPlan) -> None:
    """Writes the document, which holds credentials, readable only by its owner."""
    plan.directory.mkdir(parents=True, exist_ok=True)
    path = plan.directory / "host.json"
    path.touch(mode=0o600)
    path.write_bytes(orjson.dumps(plan.document))


def _pid_of(handle: Handle) -> int | None:
    """Returns the pid of the live agent: the one started last or, if that one found another at work, the other."""
    marks = [handle]
    if "directory" in handle:
        marks += [mark] if (mark := read_mark(Path(handle["directory"]), str(handle["host_id"]))) else []
    return next((int(mark["pid"]) for mark in marks if _is_alive(mark)), None)


def _has_ended_all(handle: Handle) -> bool:
    """True if the agent has recorded that nothing it started is left: scanning every process of the machine takes longer than a
    short job. False for an agent that was replaced by another."""
    mark = read_mark(Path(handle["directory"]), str(handle["host_id"])) if "directory" in handle else None
    same = mark is not None and all(mark[name] == handle.get(name) for name in ("pid", "started"))
    return same and mark is not None and bool(mark.get("ended"))


def _is_alive(mark: Mapping[str, Any]) -> bool:
    """True if it is exactly that process and still runs: a process that `kill` has seen end never counts as alive later."""
    pid, started = int(mark["pid"]), str(mark["started"])
    return started != GONE and start_mark(pid) == started and runs(pid)


def _processes(pids: list[int]) -> list[psutil.Process]:
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


def _family(pid: int) -> list[psutil.Process]:
    """Returns the process and all its descendants, itself first so that it cannot start more of them."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    until = time.monotonic() + _ENDED_S
    while (left := [process.pid for process in processes if runs(process.pid)]) and time.monotonic() < until:
        await_end(left, _LOOK_S)


def _marked(host_id: str) -> list[psutil.Process]:
    """Returns processes of this machine whose environment marks them as the host's."""
    marker = f"{HOST_ID_VARIABLE}={host_id}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError, psutil.Error):
            if marker in (entry / "environ").read_bytes().split(b"\0"):
                found.append(psutil.Process(int(entry.name)))
    return found
