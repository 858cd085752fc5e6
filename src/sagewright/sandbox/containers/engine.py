"""The container engine of this machine, through the Docker API that Docker and Podman both serve on a socket.

Implemented here instead of with the `docker` package: importing that takes longer than starting a container, for each job; and
pulls from a registry without TLS need an option of Podman's that it does not pass on. Only a few modules of the standard library
are imported. Only sockets of this machine count: a job's files are mounted from here.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PING_S = 10.0
_SHORT_S = 60.0  # for answers that need neither network nor waiting


class EngineFailed(RuntimeError):
    """The engine refused or gave no answer; the message is its own. `status` is 0 if there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class ContainerEngine:
    """One engine, reached by its socket. Safe to use from many threads: each request has a separate connection."""

    path: Path

    def call(self, method: str, path: str, body: Any = None, timeout_s: float | None = _SHORT_S) -> Any:
        """Returns the JSON of the answer, None if it has none. Raises EngineFailed."""
        return _parsed(b"".join(self.stream(method, path, body, timeout_s=timeout_s)))

    def ping(self) -> str:
        """Returns the engine according to its headers: Podman or Docker, and its version if given. Raises EngineFailed.

        `/version` would make Podman start its helpers one by one to query their versions.
        """
        try:
            with self._connect(_PING_S) as connection:
                connection.sendall(_request("GET /_ping HTTP/1.0", None, ()))
                head = b""
                while part := connection.recv(1 << 16):
                    head += part
        except OSError as error:
            raise EngineFailed(f"{self.path}: {error}") from error
        lines = (line.partition(":")[::2] for line in head.decode("latin-1").split("\r\n\r\n")[0].split("\r\n"))
        headers = {name.lower(): value.strip() for name, value in lines}
        if not head.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200")):
            raise EngineFailed(f"{self.path}: no container engine answers")
        if "libpod-api-version" in headers:
            return f"Podman {headers['libpod-api-version']}"
        return headers.get("server", "Docker").partition(" ")[0].replace("/", " ")

    def stream(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: tuple[str, ...] = (),
        timeout_s: float | None = _SHORT_S,
    ) -> Iterator[bytes]:
        """Yields the bytes of the answer as they arrive. Raises EngineFailed."""
        try:
            with self._connect(timeout_s) as connection:
                connection.sendall(_request(f"{method} {path} HTTP/1.0", body, headers))
                yield from _checked(connection)
        except OSError as error:
            raise EngineFailed(f"{self.path}: {error}") from error

    def attach(self, container: str) -> tuple[socket.socket, bytes]:
        """Returns a socket with the output of a container from now on, in frames, and the part already received. Raises
        EngineFailed, OSError."""
        connection = self._connect(_SHORT_S)
        upgrade = ("Connection: Upgrade", "Upgrade: tcp")
        path = f"/containers/{container}/attach?stream=1&stdout=1&stderr=1"
        connection.sendall(_request(f"POST {path} HTTP/1.1", None, upgrade))
        status, early = _head(connection)
        if status not in {101, 200}:
            raise EngineFailed(_message(early + connection.recv(1 << 16), status), status)
        connection.settimeout(None)
        return connection, early

    def _connect(self, timeout_s: float | None) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(self.path))
        except OSError:
            connection.close()
            raise
        return connection


def _request(line: str, body: Any, headers: tuple[str, ...]) -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    head = [line, "Host: engine", *headers, "Content-Type: application/json", f"Content-Length: {len(data)}", "", ""]
    return "\r\n".join(head).encode() + data


def _head(connection: socket.socket) -> tuple[int, bytes]:
    """Returns the status of an answer, and the data after its headers."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(1 << 16)
        if not part:
            raise EngineFailed("the engine closed the connection")
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    return int(head.split(None, 2)[1]), rest


def _checked(connection: socket.socket) -> Iterator[bytes]:
    status, rest = _head(connection)
    if status >= 400:
        while part := connection.recv(1 << 16):
            rest += part
        raise EngineFailed(_message(rest, status), status)
    yield rest
    while part := connection.recv(1 << 16):
        yield part


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data) if data.strip() else None
    except ValueError as error:
        raise EngineFailed(f"the engine answered no JSON: {data[:200]!r}") from error


def _message(data: bytes, status: int) -> str:
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return data.decode(errors="replace").strip() or f"the engine answered {status}"
