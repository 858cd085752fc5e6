"""Listening address of a host's model server, and the way to reach it from outside its sandbox."""

from __future__ import annotations

import ctypes
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SOCKET_VARIABLE = "SAGEWRIGHT_SERVE_SOCKET"
SOCKET = Path("serving") / "http.sock"
"""Path below /opt/ml."""
SHELF = "models.sock"
"""Socket in HOST_DIRECTORY that serves requests for the models of a multi-model container."""
_NOTE = "serving.json"
_CLONE_NEWNET = 0x4000_0000


@dataclass(frozen=True)
class ListeningSocket:
    """A loopback port of this machine in the network namespace `namespace`; "" for the machine's own namespace."""

    port: int
    namespace: str = ""


def note_port(directory: Path, listening: ListeningSocket) -> None:
    """Writes a note for a server that listens on a port; it is in HOST_DIRECTORY, out of the job's reach."""
    new = directory / f"{_NOTE}.new"
    new.write_text(json.dumps({"port": listening.port, "namespace": listening.namespace}))
    new.rename(directory / _NOTE)


def noted_port(directory: Path) -> ListeningSocket | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        document = json.loads((directory / _NOTE).read_bytes())
        return ListeningSocket(int(document["port"]), str(document["namespace"]))
    return None


def enter_network(namespace: str) -> None:
    """Moves the calling thread permanently to another network namespace. Raises OSError."""
    descriptor = os.open(namespace, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
            error = ctypes.get_errno()
            raise OSError(error, f"setns: {os.strerror(error)}")
    finally:
        os.close(descriptor)


def serving_folder(directory: Path) -> tuple[Path, str]:
    """Returns the folder and name of the host's Unix socket in HOST_DIRECTORY, for `opened`."""
    return directory / "ml" / SOCKET.parent, SOCKET.name


def opened(directory: Path, name: str) -> int:
    """Returns a descriptor of the socket, opened without following links in the job's directories: a job could link to other
    sockets. Raises OSError."""
    flags = os.O_PATH | os.O_NOFOLLOW
    parent = os.open(directory.parent, flags | os.O_DIRECTORY)
    try:
        own = os.open(directory.name, flags | os.O_DIRECTORY, dir_fd=parent)
    finally:
        os.close(parent)
    try:
        return os.open(name, flags, dir_fd=own)
    finally:
        os.close(own)
