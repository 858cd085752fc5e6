"""Starts the servers' fork servers as forks of one process that has imported what agents need: their start is mostly imports.

`listen` is called in a process that has imported nothing of a server. A server's `Popen` of `python -m
sagewright.agent.forkserver` is `Popen` of this module then: what is started sees the same arguments, environment, limits and
descriptors, and is a child of that process rather than of the server.
"""

import gc
import importlib
import json
import os
import resource
import runpy
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

FORK_SERVER, ZYGOTE = "sagewright.agent.forkserver", "sagewright.agent.zygote"
LIMITS = {name: getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
DEVNULL, TimeoutExpired = subprocess.DEVNULL, subprocess.TimeoutExpired


def listen() -> str:
    """Fork the process that forks fork servers; returns the name of its socket. It ends with this process."""
    name = f"\0sagewright-tests-agents-{os.getpid()}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(name)
    listener.listen(64)
    if os.fork() == 0:
        try:
            _serve(listener, os.getppid())
        finally:
            os._exit(1)
    listener.close()
    return name


def _serve(listener: socket.socket, parent: int) -> None:
    os.closerange(0, 2)  # the parent's pipes
    os.open(os.devnull, os.O_RDWR)
    os.dup(0)
    importlib.import_module(ZYGOTE)
    from setproctitle import setproctitle

    from sagewright.agent.s3 import preload

    setproctitle(
        "tests: what forks fork servers"
    )  # the first call finds the memory of titles, before `environ` is changed
    preload()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener.settimeout(1)
    while os.getppid() == parent:
        with suppress(OSError):  # nobody asked for a second, or a server was killed while it asked
            connection, _ = listener.accept()
            with connection:
                _answer(listener, connection)


def _answer(listener: socket.socket, connection: socket.socket) -> None:
    connection.setblocking(True)
    data, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 2)
    ready, making = os.pipe()
    try:
        if len(descriptors) < 2:
            return
        pid = os.fork()
        if pid == 0:
            try:
                listener.close()
                connection.close()
                os.close(ready)
                _become(json.loads(data), making, *descriptors)
            finally:
                os._exit(1)
    finally:
        for descriptor in (making, *descriptors):
            os.close(descriptor)
        os.read(ready, 1)  # the server changes the limits once it has the pid
        os.close(ready)
    running = os.pidfd_open(pid)
    try:
        socket.send_fds(connection, [str(pid).encode()], [running])
    finally:
        os.close(running)


def _become(asked: dict[str, Any], making: int, errors: int, theirs: int) -> None:
    """As `python -m sagewright.agent.forkserver` in a separate session; closes `making` when it is like a new one."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.umask(asked["umask"])
    for name, (soft, hard) in asked["limits"].items():
        resource.setrlimit(LIMITS[name], (soft, hard))
    os.environ.clear()
    os.environ.update(asked["environ"])
    os.chdir("/")
    os.dup2(errors, 2)
    os.close(errors)
    os.close(making)
    sys.path[0] = "/"
    sys.argv = [FORK_SERVER, str(theirs), *asked["places"]]
    gc.unfreeze()
    status = 1
    try:
        runpy.run_module(FORK_SERVER, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(status)


class Popen:
    """The part of `subprocess.Popen` that a server uses for its fork server."""

    name = ""
    """That of the socket."""

    def __init__(self, command: list[str], *, pass_fds: list[int], **options: Any) -> None:
        assert command[:4] == [sys.executable, "-m", FORK_SERVER, str(pass_fds[0])], command
        assert options == {"stdin": DEVNULL, "stdout": DEVNULL, "start_new_session": True, "cwd": "/"}, options
        umask = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Umask"))
        asked = {
            "places": command[4:],
            "environ": dict(os.environ),
            "umask": int(umask.split()[1], 8),
            "limits": {name: resource.getrlimit(number) for name, number in LIMITS.items()},
        }
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.connect(self.name)
            socket.send_fds(connection, [json.dumps(asked).encode()], [2, pass_fds[0]])
            pid, (self._running,), _, _ = socket.recv_fds(connection, 64, 1)
        self.pid = int(pid)

    def __del__(self) -> None:
        os.close(self._running)

    def poll(self) -> int | None:
        """0 once it has ended, with whatever status."""
        return 0 if select.select([self._running], [], [], 0)[0] else None

    def wait(self, timeout: float | None = None) -> int:
        if not select.select([self._running], [], [], timeout)[0]:
            raise TimeoutExpired(ZYGOTE, timeout or 0)
        return 0

    def kill(self) -> None:
        if self.poll() is None:
            signal.pidfd_send_signal(self._running, signal.SIGKILL)
