"""Where a host's model server listens, and the way to it from outside of its sandbox."""

from __future__ import annotations

import ctypes
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SOCKET_VARIABLE = "SAGEWRIGHT_SERVE_SOCKET"
SOCKET = Path("serving") / "http.sock"
"""Below /opt/ml."""
SHELF = "models.sock"
"""In HOST_DIRECTORY: where the models of a multi-model container are asked for."""
_NOTE = "serving.json"
_CLONE_NEWNET = 0x4000_0000


@dataclass(frozen=True)
class ListeningSocket:
    """A port of this machine's loopback in the network namespace that `pid` is in; "" for the machine's own."""

    port: int
    namespace: str = ""


def note_port(directory: Path, listening: ListeningSocket) -> None:
    """For a server that listens on a port: the note lies in HOST_DIRECTORY, where no job reaches it."""
    new = directory / f"{_NOTE}.new"
    new.write_text(json.dumps({"port": listening.port, "namespace": listening.namespace}))
    new.rename(directory / _NOTE)


def noted_port(directory: Path) -> ListeningSocket | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        document = json.loads((directory / _NOTE).read_bytes())
        return ListeningSocket(int(document["port"]), str(document["namespace"]))
    return None


def enter_network(namespace: str) -> None:
    """Moves the calling thread to another network namespace for good. Raises OSError."""
    descriptor = os.open(namespace, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
            error = ctypes.get_errno()
            raise OSError(error, f"setns: {os.strerror(error)}")
    finally:
        os.close(descriptor)


def serving_folder(directory: Path) -> tuple[Path, str]:
    """The folder and name of the Unix socket of the host in HOST_DIRECTORY, to be given to `opened`."""
    return directory / "ml" / SOCKET.parent, SOCKET.name


def opened(directory: Path, name: str) -> int:
    """A descriptor of the socket, found through no link in the job's own directories, which the job may have filled with links to
    other sockets. Raises OSError."""
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
