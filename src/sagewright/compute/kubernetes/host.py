"""`python -m sagewright.compute.kubernetes.host start`: one host, as the only program of its pod.

Reads its order from the mounted Secret, waits until all pods of the gang have addresses, starts the agent, copies its log to the
pod's, and leaves the reason of its end as the pod's termination message. Calls nothing of Kubernetes.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

from sagewright.compute.backend import Handle, HostPlan, LaunchFailed
from sagewright.compute.kubernetes.manifests import ORDERS, read_orders
from sagewright.compute.local import LocalBackend
from sagewright.compute.nodehosts import agent_environ, remove_host
from sagewright.model.jobs.agent_marks import read_mark

_LOOK_S = 0.2
_MOST_LOGGED = 64 * 1024
_MESSAGE = Path("/dev/termination-log")
_MESSAGE_BYTES = 4000
_STOPPED = 0


class PodDeleted(Exception):
    """The pod was deleted before its agent was started."""


def main(what: str) -> int:
    if what != "start":
        return 2
    signal.signal(signal.SIGTERM, _stop_waiting)
    try:
        order = read_orders(ORDERS)[int(os.environ["JOB_COMPLETION_INDEX"])]
        directory = Path(order["directory"]).expanduser()
        order["document"] |= addresses_of(order["document"]["hosts"], order["peers"])
        local = LocalBackend(fork_server=False, environ=agent_environ("KUBERNETES_", "JOB_COMPLETION_INDEX"))
        handle = launch(local, directory, order)
    except PodDeleted:
        return _STOPPED
    except (OSError, LaunchFailed) as error:
        return leave(f"it could not be started: {error}")
    return follow(local, handle, directory)


def _stop_waiting(_number: int, _frame: FrameType | None) -> None:
    raise PodDeleted


def addresses_of(names: Sequence[str], peers: Sequence[str]) -> dict[str, Any]:
    """Returns the members of a document that say where hosts reach each other, once every pod of the gang has an address; none for
    a single host."""
    found: dict[str, str] = {}
    while len(found) < len(peers):
        for name, peer in zip(names, peers, strict=True):
            if name not in found:
                with suppress(OSError):
                    found[name] = str(socket.getaddrinfo(peer, None, type=socket.SOCK_STREAM)[0][4][0])
        if len(found) < len(peers):
            time.sleep(_LOOK_S)
    return {"addresses": found, "network": "machines"} if peers else {}


def launch(local: LocalBackend, directory: Path, order: dict[str, Any]) -> Handle:
    """Starts the agent. Raises OSError, LaunchFailed."""
    own, theirs = version("sagewright"), order["version"]
    if own != theirs:
        raise LaunchFailed(f"sagewright {own} is installed in the image, and the server is {theirs}")
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.parent.parent.chmod(0o700)
    document = order["document"]
    document |= {"environments": str(Path(document["environments"]).expanduser())}
    if document.get("gpu_indexes") is not None:
        document["gpu_indexes"] = list(range(int(document["gpus"])))  # a pod sees only its own
    (handle,) = local.launch([HostPlan(directory, document)])
    return handle


def follow(local: LocalBackend, handle: Handle, directory: Path) -> int:
    """Waits for the agent's end, and ends what it leaves."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    log = AgentLog(directory / "agent.log")
    while pulse := local.poll(handle):
        if stopped.is_set():
            stopped.clear()
            local.stop(handle)
        log.copy()
        reap()
        time.sleep(_LOOK_S)
    mark = read_mark(directory, str(handle["host_id"]))
    local.kill(handle)
    log.copy()
    remove_host(directory)
    return 0 if mark is not None and mark.get("ended") else leave(pulse.reason)


class AgentLog:
    """Copies what an agent writes into its own log to this process's output, up to a size."""

    def __init__(self, path: Path) -> None:
        self._path, self._copied = path, 0

    def copy(self) -> None:
        with suppress(OSError), self._path.open("rb") as log:
            log.seek(self._copied)
            text = log.read(max(0, _MOST_LOGGED - self._copied))
            self._copied += len(text)
            sys.stdout.buffer.write(text)
            sys.stdout.flush()


def reap() -> None:
    """Collects processes that this one has not started, if it is the first of its pod: their parents have ended."""
    if os.getpid() != 1:
        return
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def leave(reason: str) -> int:
    """Leaves the reason of an end where Kubernetes reads it; returns the exit status of a failed host."""
    sys.stdout.write(f"{reason}\n")
    with suppress(OSError):
        _MESSAGE.write_text(reason.encode()[:_MESSAGE_BYTES].decode(errors="ignore"))
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
