"""The listening socket that all workers share, and who of them takes a connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sagewright.serving.settings import ServingSettings

_BACKLOG = 1024
_FULL_S = 0.1


def listen(settings: ServingSettings) -> socket.socket:
    """Raises OSError. What lies at the socket's path is removed."""
    if settings.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        _bind_path(listener, Path(settings.socket))
    else:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", settings.port))  # noqa: S104 - the sandbox decides who reaches it
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def _bind_path(listener: socket.socket, path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:  # by descriptor: a socket's path may have 107 bytes only
        listener.bind(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.close(directory)


class Accepting:
    """Takes connections for one worker. A connection stays with its worker, so one that has more to do than others lets them go
    first: `patience_s` says for how long.
    """

    def __init__(self, listener: socket.socket, make: Callable[[], asyncio.Protocol], patience_s: Callable[[], float]):
        self._listener, self._make, self._patience_s = listener, make, patience_s
        self._loop = asyncio.get_running_loop()
        self._tasks: set[Any] = set()
        self._open = True
        self._loop.add_reader(listener.fileno(), self._readable)

    @property
    def opening(self) -> int:
        """Connections that are taken and have not begun."""
        return len(self._tasks)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._listener.fileno())

    def _readable(self) -> None:
        patience_s = self._patience_s()
        if patience_s <= 0:
            self._accept()
        else:
            self._pause(patience_s)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._loop.call_later(seconds, self._after_patience)

    def _after_patience(self) -> None:
        if self._open and self._accept():
            self._loop.add_reader(self._listener.fileno(), self._readable)

    def _accept(self) -> bool:
        """False if it has to be tried again later, which is arranged."""
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return True
        except OSError:  # no more descriptors, most likely
            self._pause(_FULL_S)
            return False
        connection.setblocking(False)
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._loop.connect_accepted_socket(self._make, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True
