"""The front's process: adopted from the previous server, or started, and replaced if its code differs.

A front outlives its server and keeps the sockets on which it listens, including the server's own port. The server keeps them too,
and starts the next front on the same sockets when one has died.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from sagewright.front.link import handshake
from sagewright.front.link.handshake import LOCAL, MAIN, NOTEBOOKS, RUNTIME, FrontDirectory
from sagewright.http.passage import Passage
from sagewright.model import titles

START_S = 30.0
END_S = 8.0
RELEASE_S = 1.0
LOCAL_NAME = "front.sock"
MODULE = "sagewright.front"
log = logging.getLogger("sagewright.server.fronts")


@dataclass
class FoundFront:
    """A front that a previous server has left, or that this one has started: its code, its sockets, and the connection to it."""

    connection: socket.socket
    release: str
    pid: int
    sockets: dict[str, socket.socket] = field(default_factory=dict)

    @property
    def is_current(self) -> bool:
        return self.release == handshake.release()

    def close(self) -> None:
        self.connection.close()
        for one in self.sockets.values():
            one.close()


def find(data: Path, patience_s: float = handshake.PATIENCE_S) -> FoundFront | None:
    """Returns the front of a data directory, if there is one. Blocks."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(patience_s)
    try:
        with _near(FrontDirectory(data).control) as path:
            connection.connect(path)
        handshake.send(connection, {"release": handshake.release()})
        shown, sockets = handshake.receive(connection)
        named = dict(zip(shown["sockets"], sockets, strict=True))
        return FoundFront(connection, shown["release"], shown["pid"], named)
    except (OSError, KeyError, ValueError):
        connection.close()
        return None


def take_over(found: FoundFront, server: tuple[str, int], main: socket.socket) -> socket.socket:
    """Makes this process the front's server. Returns this side of the passage for connections to the front. Raises OSError.

    From then on `found.connection` is the link.
    """
    ours, theirs = Passage.pair()
    with theirs:
        try:
            said = {"server": list(server), "brings": ["passage", MAIN]}
            handshake.send(found.connection, said, [theirs, main])
        except BaseException:
            ours.close()
            raise
    return ours


class Listeners:
    """The sockets on which fronts listen: those of the front that was found, or new ones."""

    def __init__(
        self, data: Path, runtime: socket.socket, local: socket.socket | None, second: socket.socket | None = None
    ) -> None:
        """`second`: the second port of notebooks."""
        self._place = FrontDirectory(data)
        self._place.folder.mkdir(mode=0o700, exist_ok=True)
        self.runtime = runtime
        self.local = local or _unix_listener(data / LOCAL_NAME)
        self.second = second

    @property
    def all(self) -> list[socket.socket]:
        return [self.runtime, self.local, *([self.second] if self.second else [])]

    def start(self, settings: dict[str, Any], output: Path) -> subprocess.Popen[bytes]:
        """Starts a new front, which takes over the control socket and thereby replaces the previous front. Raises OSError."""
        control = _unix_listener(self._place.control)
        listen = {RUNTIME: self.runtime.fileno(), LOCAL: self.local.fileno(), "control": control.fileno()}
        if self.second is not None:
            listen[NOTEBOOKS] = self.second.fileno()
        started = settings | {"data": str(self._place.data), "listen": listen}
        try:
            with output.open("ab") as log_file:
                return subprocess.Popen(
                    [sys.executable, "-m", MODULE, json.dumps(started)],
                    stdin=subprocess.DEVNULL,
                    stdout=log_file,
                    stderr=log_file,
                    pass_fds=list(listen.values()),
                    start_new_session=True,
                )
        finally:
            control.close()

    def close(self) -> None:
        for one in self.all:
            one.close()


def release_port(port: int) -> bool:
    """Returns True if a front without a server had kept this machine's port and released it: its server may have been on another
    data directory. Only considers fronts of this user."""
    for front in (one for one in titles.running() if one.kind == titles.FRONT):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(front.pid)
            if port in _listens_on(process):
                process.send_signal(signal.SIGUSR1)
                return _is_free(process, port)
    return False


def _is_free(process: psutil.Process, port: int) -> bool:
    until = time.monotonic() + RELEASE_S
    while time.monotonic() < until:
        with contextlib.suppress(psutil.NoSuchProcess):
            if port in _listens_on(process):
                time.sleep(0.05)
                continue
        return True
    return False


def _listens_on(process: psutil.Process) -> set[int]:
    """Returns the TCP ports. Raises psutil.Error."""
    found = process.net_connections("tcp")
    return {one.laddr.port for one in found if one.status == psutil.CONN_LISTEN}


def _unix_listener(path: Path) -> socket.socket:
    """Listens in the server's private data directory, whose path can be longer than a socket's address allows."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path.unlink(missing_ok=True)
    with _near(path) as short:
        made.bind(short)
    path.chmod(0o600)
    made.listen(1024)
    return made


@contextlib.contextmanager
def _near(path: Path) -> Iterator[str]:
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
