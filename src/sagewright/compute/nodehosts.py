"""Files of hosts on a node of a cluster: what a launcher there leaves, finds again and removes. Called on the node."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import suppress
from pathlib import Path

from sagewright.compute.local import LocalBackend
from sagewright.jobfiles.removal import remove_tree

MARK = "agent.json"
"""File with the handle of the host's agent, in its directory."""
_LOG_BYTES = 64 * 1024
_STALE_S = 24 * 3600


def agent_environ(*prefixes: str) -> dict[str, str]:
    """Returns the environment of agents, without the variables of the cluster's own that begin with `prefixes`."""
    not_theirs = {"CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"}
    return {
        name: value for name, value in os.environ.items() if not name.startswith(prefixes) and name not in not_theirs
    }


def clean_host(directory: str) -> str:
    """Ends the remains of a host whose launcher is dead; returns the end of the agent's own log."""
    place = Path(directory).expanduser()
    with suppress(OSError, ValueError):
        LocalBackend(fork_server=False).kill(json.loads((place / MARK).read_bytes()))
    return remove_host(place)


def remove_host(directory: Path) -> str:
    """Removes a host's directory; returns the end of the agent's own log."""
    log = directory / "agent.log"
    text = log.read_bytes()[-_LOG_BYTES:].decode(errors="replace") if log.is_file() else ""
    remove_tree(directory)
    with suppress(OSError):  # other hosts of the gang may be here
        directory.parent.rmdir()
    return text


def sweep_hosts(hosts: Path) -> None:
    """Removes remains of hosts whose node was unreachable for the server when they ended."""
    for lock in hosts.glob("*/*/agent.lock"):
        with suppress(OSError), lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - lock.parent.stat().st_mtime > _STALE_S:
                remove_host(lock.parent)
