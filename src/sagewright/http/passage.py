"""Moves connections between two processes, with the bytes already read of their next request.

A client that knows one port can address either process with its next request. Relaying that request would cost both processes, and
the connection would end with the process that accepted it; so the connection itself moves.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

MOST_BYTES = 128 * 1024
"""Maximum size of the part of a request that was already read. A connection with more stays where it is."""
_MOST_AT_ONCE = 64

Adopt = Callable[[socket.socket, bytes], None]


class Passage:
    """One end of a SOCK_SEQPACKET socket pair. `adopt` receives each incoming connection. For one event loop."""

    def __init__(self, end: socket.socket, adopt: Adopt) -> None:
        end.setblocking(False)
        self._end, self._adopt = end, adopt
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._loop.add_reader(end.fileno(), self._receive)

    @staticmethod
    def pair() -> tuple[socket.socket, socket.socket]:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    @property
    def is_open(self) -> bool:
        return self._open

    def pass_on(self, descriptor: int, data: bytes) -> bool:
        """Returns True if the other process now has the connection; otherwise it is unchanged."""
        if not self._open or len(data) > MOST_BYTES:
            return False
        try:
            return socket.send_fds(self._end, [data], [descriptor]) == len(data)
        except OSError:  # the socket is full, or closed
            return False

    def _receive(self) -> None:
        for _ in range(_MOST_AT_ONCE):
            try:
                data, descriptors, _, _ = socket.recv_fds(self._end, MOST_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                return
            except OSError:
                self.close()
                return
            if not descriptors:
                self.close()
                return
            connection = socket.socket(fileno=descriptors[0])
            for further in descriptors[1:]:
                os.close(further)
            connection.setblocking(False)
            self._adopt(connection, data)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._end.fileno())
            self._end.close()
