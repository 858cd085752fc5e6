"""Where a host's model server listens, and the way to it from outside of its sandbox."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SOCKET_VARIABLE = "SAGEWRIGHT_SERVE_SOCKET"
SOCKET = Path("serving") / "http.sock"
"""Below /opt/ml."""
_NOTE = "serving.json"


@dataclass(frozen=True)
class Listening:
    """A port of this machine's loopback in the network namespace that `pid` is in; "" for the machine's own."""

    port: int
    namespace: str = ""


def note_port(directory: Path, listening: Listening) -> None:
    """For a server that listens on a port: the note lies in HOST_DIRECTORY, where no job reaches it."""
    new = directory / f"{_NOTE}.new"
    new.write_text(json.dumps({"port": listening.port, "namespace": listening.namespace}))
    new.rename(directory / _NOTE)


def noted_port(directory: Path) -> Listening | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        document = json.loads((directory / _NOTE).read_bytes())
        return Listening(int(document["port"]), str(document["namespace"]))
    return None


def connected(directory: Path, timeout_s: float | None) -> socket.socket:
    """A connection to the server of the host in HOST_DIRECTORY. Raises OSError; with no time-out it does not block.

    The job owns the directory of its socket: what lies there is opened through no link, and connected to by its descriptor, so that
    it leads to nobody else's socket.
    """
    port = noted_port(directory)
    if port is not None:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        target: tuple[str, int] | str = ("127.0.0.1", port.port)
    else:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        target = ""
    try:
        made.settimeout(timeout_s)
        if port is not None:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.connect(target)
            return made
        descriptor = _opened(directory / "ml" / SOCKET.parent, SOCKET.name)
        try:
            made.connect(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)
    except BaseException:
        made.close()
        raise
    return made


def _opened(directory: Path, name: str) -> int:
    """The socket by a descriptor, through no link in the job's own directories."""
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
