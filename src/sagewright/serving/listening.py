"""The listening socket shared by all workers, and the choice of the worker for a connection."""

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
    """Raises OSError. Removes an existing file at the socket's path."""
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
    try:  # by descriptor: a socket's path is limited to 107 bytes
        listener.bind(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.close(directory)


class Accepting:
    """Accepts connections for one worker. A connection stays with its worker, so a worker with a higher load than others waits
    `patience_s` first.
    """

    def __init__(self, listener: socket.socket, make: Callable[[], asyncio.Protocol], patience_s: Callable[[], float]):
        self._listener, self._make, self._patience_s = listener, make, patience_s
        self._loop = asyncio.get_running_loop()
        self._tasks: set[Any] = set()
        self._open = True
        self._loop.add_reader(listener.fileno(), self._readable)

    @property
    def opening(self) -> int:
        """Returns the number of accepted connections without a request so far."""
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
        """Returns False if a retry is needed, which is scheduled."""
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return True
        except OSError:  # most likely out of descriptors
            self._pause(_FULL_S)
            return False
        connection.setblocking(False)
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._loop.connect_accepted_socket(self._make, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True
