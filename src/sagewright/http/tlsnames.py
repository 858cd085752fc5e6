"""The address of the client of a connection that came through the TLS door.

The door connects from Unix sockets with names in Linux's abstract namespace, and the name contains the client's address.
It stays with the connection when that moves to another process, and adds no bytes to the stream.
"""

from __future__ import annotations

import os
import socket
from typing import Any

_BEGIN = "sagewright-tls"
SOCKET_NAME = "tls.sock"
"""The socket of the data directory at which the server accepts the door's connections."""


def name_for(address: str, number: int) -> bytes:
    """Returns the name of the socket for a client. `number`: makes it unique in this process."""
    return f"\0{_BEGIN}/{os.getpid()}.{number}/{address}".encode()


def client_behind(transport: Any) -> str | None:
    """Returns the address of the client for which the door has opened a connection; None for any other connection."""
    connection = transport.get_extra_info("socket")
    if connection is None or connection.family != socket.AF_UNIX:
        return None
    try:
        with socket.socket(fileno=os.dup(connection.fileno())) as own:
            name = own.getpeername()
    except OSError:
        return None
    text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    begin, _, rest = text.lstrip("\0").partition("/")
    return rest.partition("/")[2] if begin == _BEGIN else None
