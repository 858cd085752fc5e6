"""An HTTP server whose connections can move to another process and back, depending on their next request."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import uvicorn

from sagewright.http.connections import Connections
from sagewright.http.passage import Passage
from sagewright.http.takeover import TakeoverProtocol

DRAIN_S = 5
BACKLOG = 1024


class PassingServer(uvicorn.Server):
    """uvicorn's server with `http.takeover`'s connections. To be used from one event loop.

    `moves` decides, from the first bytes of a connection's next request, if it belongs to the other process; `passed`: the protocol
    of connections that come from there; `own`: that of all others.
    """

    def __init__(
        self,
        application: Any,
        connections: Connections,
        moves: Callable[[Any, bytes], bool],
        passed: type[TakeoverProtocol] = TakeoverProtocol,
        own: type[TakeoverProtocol] = TakeoverProtocol,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=cast("type[asyncio.Protocol]", partial(own, connections=connections)),
                interface="asgi3",
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,  # http.asgi reads the header; the middleware costs a quarter of HTTP's time
                backlog=BACKLOG,
                timeout_graceful_shutdown=DRAIN_S,
            )
        )
        self.config.load()  # connections can arrive before the server listens
        self.connections = connections
        self._moves, self._passed = moves, passed
        self._passage: Passage | None = None
        self._adoptions: set[asyncio.Task[None]] = set()
        connections.elsewhere = self._moved
        connections.moving = self._handed_over

    def use_passage(self, end: socket.socket | None) -> None:
        """Sets the passage to the other process; None if there is none."""
        if self._passage is not None:
            self._passage.close()
        self._passage = Passage(end, self._adopt) if end is not None else None

    def passed_protocol(self, begun: bytes = b"") -> asyncio.Protocol:
        """Returns the protocol for a connection of the port shared by both processes. `begun`: bytes already read elsewhere."""
        protocol = self._passed(
            config=self.config, server_state=self.server_state, app_state={}, connections=self.connections, begun=begun
        )
        return cast("asyncio.Protocol", protocol)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.use_passage(None)
        await super().shutdown(sockets)

    def _moved(self, protocol: Any, data: bytes) -> bool:
        passage = self._passage
        return (
            passage is not None
            and passage.is_open
            and self._moves(protocol, data)
            and bool(protocol.pass_on(passage, data))
        )

    def _handed_over(self, protocol: Any, data: bytes) -> bool:
        passage = self._passage
        return passage is not None and passage.is_open and bool(protocol.pass_on(passage, data))

    def _adopt(self, connection: socket.socket, begun: bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._serve_passed(connection, begun))
        self._adoptions.add(task)
        task.add_done_callback(self._adoptions.discard)

    async def _serve_passed(self, connection: socket.socket, begun: bytes) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(partial(self.passed_protocol, begun), connection)
        except OSError:
            connection.close()
