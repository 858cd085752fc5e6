"""`python -m sagewright.agent.zygote FD`: forks agents that have everything imported already.

Requests come as JSON lines over the socket FD: {"directory": "…"} forks an agent and is answered {"pid": n}; {} is
answered {"pid": 0} when this process is warm. It ends when the other end of the socket is closed. It must stay single-threaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import sagewright
from sagewright.agent import library
from sagewright.agent.__main__ import main as run_agent
from sagewright.agent.s3 import preload
from sagewright.runtimes.pipconfig import pip_sources
from sagewright.sandbox.cgroups import find_cgroups
from sagewright.sandbox.choose import choose_sandbox
from sagewright.sandbox.users import SPARE

_PR_SET_NAME = 15


def serve(connection: socket.socket) -> None:
    """Answer requests until the other end is closed."""
    agents: set[int] = set()
    signal.signal(signal.SIGCHLD, lambda _number, _frame: _reap(agents))
    preload()
    pip_sources()
    library.preload(Path(sagewright.__file__).parent)
    SPARE.prepare()
    gc.collect()
    gc.freeze()
    for line in connection.makefile("rb"):
        answer = _answer(json.loads(line), connection)
        agents.add(answer.get("pid", 0))
        connection.sendall(json.dumps(answer).encode() + b"\n")
        if answer.get("pid"):
            SPARE.leave()  # the agent has them
        _reap(agents)
        SPARE.prepare()


def _answer(request: dict[str, str], connection: socket.socket) -> dict[str, Any]:
    if "directory" not in request:
        return {"pid": 0}
    directory = Path(request["directory"])
    find_cgroups()
    choose_sandbox("auto", directory)  # what it finds out about this machine is inherited by the agents
    try:
        pid = os.fork()
    except OSError as error:
        return {"error": str(error)}
    if pid == 0:
        _become_agent(directory, connection)
    return {"pid": pid}


def _become_agent(directory: Path, connection: socket.socket) -> NoReturn:
    """In the forked child: leave everything of the fork server behind and work."""
    status = 70
    try:
        os.setsid()
        os.close(connection.fileno())
        ctypes.CDLL(None).prctl(_PR_SET_NAME, b"sagewright-host", 0, 0, 0)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _redirect(directory / "agent.log")
        status = run_agent(directory)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(status)


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    to_log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(to_log, 1)
    os.dup2(to_log, 2)
    os.close(nothing)
    os.close(to_log)


def _reap(agents: set[int]) -> None:
    """Agents that have ended must not stay zombies; no other child is touched."""
    agents.discard(0)
    for pid in list(agents):
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                continue
        agents.discard(pid)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
