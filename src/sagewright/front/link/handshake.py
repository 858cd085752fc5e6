"""Messages with open descriptors over a Unix socket, by which a server finds a front that has outlived the previous server.

The server says hello; the front answers with its release, its pid and its listening sockets; the server then either takes it over
(the connection becomes the link, see `front.link.messages`) or starts another front on the same sockets. Each message is a length
of four bytes, sent with the descriptors, and as many bytes of JSON.
"""

from __future__ import annotations

import hashlib
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

import sagewright

PATIENCE_S = 5.0
MOST_BYTES = 1 << 20
MOST_SOCKETS = 8
RUNTIME, LOCAL, MAIN, NOTEBOOKS = "runtime", "local", "main", "notebooks"
"""The port of invocations, the socket on which the server relays them, the server's own port, which the front keeps open while
no server runs, and the second port of notebooks, if there is one."""
_LENGTH = struct.Struct(">I")
_RELEASED = ("front", "http", "model", "upstream", "wire")


@dataclass(frozen=True)
class FrontDirectory:
    """Files of a data directory through which server and front find each other."""

    data: Path

    @property
    def folder(self) -> Path:
        return self.data / "front"

    @property
    def control(self) -> Path:
        return self.folder / "control.sock"

    @property
    def spool(self) -> Path:
        return self.folder / "spool"


def send(connection: socket.socket, document: dict[str, Any], sockets: Sequence[socket.socket] = ()) -> None:
    """Raises OSError."""
    data = orjson.dumps(document)
    socket.send_fds(connection, [_LENGTH.pack(len(data))], [one.fileno() for one in sockets])
    connection.sendall(data)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[socket.socket]]:
    """Raises OSError, also for an invalid message and for the end of the stream. The caller owns the sockets."""
    head, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, MOST_SOCKETS, socket.MSG_CMSG_CLOEXEC)
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    try:
        if len(head) < _LENGTH.size:
            head += _exactly(connection, _LENGTH.size - len(head))
        (size,) = _LENGTH.unpack(head)
        if size > MOST_BYTES:
            raise OSError(f"a message of {size} bytes is longer than {MOST_BYTES}")
        document = orjson.loads(_exactly(connection, size))
        if not isinstance(document, dict):
            raise OSError("a message is not a JSON object")
    except (OSError, ValueError) as error:
        for one in sockets:
            one.close()
        raise OSError(str(error)) from error
    return document, sockets


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise OSError("the other end closed the connection")
        data += piece
    return data


@cache
def release() -> str:
    """Returns an identifier of the front's code: a server of other code replaces the front."""
    root = Path(sagewright.__file__).parent
    seen = hashlib.sha256(f"{sys.executable} {sys.version}".encode())
    for folder in _RELEASED:
        for path in sorted((root / folder).rglob("*.py")):
            stat = path.stat()
            seen.update(f"{path.relative_to(root)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return seen.hexdigest()
