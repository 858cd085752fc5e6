"""The port: bound to the same number as before, and the URL for clients on this machine."""

from __future__ import annotations

import contextlib
import errno
import socket
from pathlib import Path

from sagewright.model.settings import Settings
from sagewright.server.fronts import release_port
from sagewright.server.notes import write_note
from sagewright.server.startfaults import CannotListen


def bind_like_before(settings: Settings, name: str = "port", port: int | None = None) -> socket.socket:
    """Binds a socket. Port 0 reuses the port of the last time, if it is free: jobs that outlived the server know that one. `name`:
    name of the note that records it; `port`: overrides that of the settings."""
    note = settings.data / name
    requested = settings.plain_port if port is None else port
    if requested == 0 and note.exists():
        with contextlib.suppress(OSError, ValueError):
            return _bind(settings.plain_host, int(note.read_text()))
    bound = _bind(settings.plain_host, requested)
    write_note(note, f"{bound.getsockname()[1]}\n")
    return bound


def same_or_bound(settings: Settings, held: socket.socket | None) -> socket.socket:
    """Returns the server's own port: the socket that a front has kept open, if the settings ask for that port, or a new one."""
    if held is not None:
        host, port = held.getsockname()[:2]
        if host == settings.plain_host and port == (settings.plain_port or _noted(settings.data / "port")):
            return held
        held.close()
    return bind_like_before(settings)


def _noted(note: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(note.read_text())
    return 0


def _bind(host: str, port: int) -> socket.socket:
    """Asks a front that keeps the port for a dead server to release it. Raises CannotListen."""
    try:
        try:
            return _bound(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not release_port(port):
                raise
            return _bound(host, port)
    except (OSError, OverflowError) as error:
        raise CannotListen(error) from error


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # lets asyncio turn Nagle's delay off
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError):
        bound.close()
        raise
    return bound


def url_of(host: str, port: int) -> str:
    """Returns the URL for clients on this machine: a server that listens on all addresses is reached by loopback."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}"
