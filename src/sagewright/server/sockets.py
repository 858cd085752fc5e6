"""The port: bound like the last time, and named as clients on this machine reach it."""

from __future__ import annotations

import contextlib
import errno
import socket
from pathlib import Path

from sagewright.model.settings import Settings
from sagewright.server.fronts import release_port
from sagewright.server.notes import write_note


def bind_like_before(settings: Settings, name: str = "port", port: int | None = None) -> socket.socket:
    """Port 0 takes the port it had the last time, if that is free: jobs that outlived the server know that one. `name`: of the
    note that says which it was; `port`: the settings' where none is given."""
    note = settings.data / name
    requested = settings.port if port is None else port
    if requested == 0 and note.exists():
        with contextlib.suppress(OSError, ValueError):
            return _bind(settings.host, int(note.read_text()))
    bound = _bind(settings.host, requested)
    write_note(note, f"{bound.getsockname()[1]}\n")
    return bound


def same_or_bound(settings: Settings, held: socket.socket | None) -> socket.socket:
    """The server's own port: the socket that a front has held open for it, if that is the port the settings ask for."""
    if held is not None:
        host, port = held.getsockname()[:2]
        if host == settings.host and port == (settings.port or _noted(settings.data / "port")):
            return held
        held.close()
    return bind_like_before(settings)


def _noted(note: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(note.read_text())
    return 0


def _bind(host: str, port: int) -> socket.socket:
    """A front that holds the port for a server that has gone is asked to let it go. Raises OSError."""
    try:
        return _bound(host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or not release_port(port):
            raise
        return _bound(host, port)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # so named, asyncio turns Nagle's delay off
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def url_of(host: str, port: int) -> str:
    """What clients on this machine use: a server that listens everywhere is reached by loopback."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}"
