"""The HTTP server of a front, which adds and removes listening sockets while it serves."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sagewright.front.addressing import is_for_front
from sagewright.http.connections import Connections
from sagewright.http.direct import DirectProtocol
from sagewright.http.passing import BACKLOG, PassingServer
from sagewright.model.notebooks.origins import NotebookHosts

RETIRE_S = 600.0
"""Time after which a replaced front ends even if clients keep their connections busy."""
FROM_MAIN = "sagewright.from_main"
"""Key of a request's scope: True if it came to the server's own port."""


class MainProtocol(DirectProtocol):
    """A connection to the server's own port."""

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope[FROM_MAIN] = True


class FrontServer(PassingServer):
    """To be used from one event loop. Never binds a socket."""

    def __init__(self, application: Any, connections: Connections, hosts: Callable[[], NotebookHosts]) -> None:
        """`hosts`: returns the current host names of notebooks."""
        super().__init__(application, connections, partial(_is_for_server, hosts), MainProtocol, DirectProtocol)
        self._main: asyncio.AbstractServer | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ignores the terminal's Ctrl-C, which is the server's to handle."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.end)
        yield

    def end(self) -> None:
        self.should_exit = True

    async def accept_main(self, listener: socket.socket) -> None:
        """Answers on the server's port, because no server runs."""
        if self._main is None:
            loop = asyncio.get_running_loop()
            self._main = await loop.create_server(self.passed_protocol, sock=listener.dup(), backlog=BACKLOG)

    def leave_main(self) -> None:
        """Stops accepting on the server's port, because a server runs again. Open connections stay."""
        if self._main is not None:
            self._main.close()
            self._main = None

    async def retire(self, idle_s: float) -> None:
        """Stops accepting, closes each connection after its next response or once it was idle for `idle_s`, then exits."""
        self.leave_main()
        for server in self.servers:
            server.close()
        self.connections.retire(idle_s)
        loop = asyncio.get_running_loop()
        until = loop.time() + RETIRE_S
        while self.server_state.connections and loop.time() < until:
            await asyncio.sleep(0.1)
        self.end()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.leave_main()
        await super().shutdown(sockets)


def _is_for_server(hosts: Callable[[], NotebookHosts], protocol: Any, data: bytes) -> bool:
    return isinstance(protocol, MainProtocol) and not is_for_front(data, hosts())
