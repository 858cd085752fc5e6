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
BEAT = "launcher.beat"
"""File in a host's directory that its launcher touches while it lives; FETCHED_S later what is left may be removed."""
FETCHED_S = 20.0
"""Time after a host's end within which a server may ask for its log."""
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


def beat(directory: Path) -> None:
    """Shows that the host's launcher lives."""
    with suppress(OSError):  # a full disk ends no host
        (directory / BEAT).touch()


def sweep_hosts(hosts: Path) -> None:
    """Removes remains of hosts whose launcher was killed, or whose node was unreachable for the server when they ended."""
    for lock in hosts.glob("*/*/agent.lock"):
        with suppress(OSError), lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            pulse = lock.parent / BEAT
            seen, patience = (pulse, FETCHED_S) if pulse.is_file() else (lock.parent, _STALE_S)
            if time.time() - seen.stat().st_mtime > patience:
                remove_host(lock.parent)
