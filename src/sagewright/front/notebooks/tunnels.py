"""Tunnels for WebSockets: after the handshake, bytes pass between two sockets unread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sagewright.front.notebooks.refusals import NotebookRefused
from sagewright.front.notebooks.routes import Notebook, NotebookRoutes

MOST_HEAD = 16 * 1024
HANDSHAKE_S = 60.0
"""Limit for the notebook's answer to a handshake: a kernel may be starting."""
IDLE_S = 900.0
"""Time without a byte in either direction after which a tunnel is closed. Jupyter pings each 30 s."""
LOOK_S = 1.0
CHECK_S = 5.0
"""Interval at which the session of each tunnel is checked."""
STALL_S = 60.0
"""Maximum time that one side accepts nothing while data waits for it."""
MOST_OF_NOTEBOOK, MOST = 128, 2048
HIGH, LOW = 256 * 1024, 64 * 1024
log = logging.getLogger("sagewright.front.notebooks.tunnels")
Holds = Callable[[], Awaitable[bool]]


class TunnelEnd(asyncio.Protocol):
    """One of the two connections. Writes what it reads to the other end, and stops reading while that end can't take more."""

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel
        self.transport: Any = None
        self.other: TunnelEnd
        self.early: list[bytes] = []
        self.lost = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.set_write_buffer_limits(high=HIGH, low=LOW)

    def data_received(self, data: bytes) -> None:
        self._tunnel.active_s = self._tunnel.loop.time()
        if self._tunnel.ends:
            self.other.transport.write(data)
        else:
            self.early.append(data)

    def eof_received(self) -> bool:
        self._tunnel.close()
        return False

    def connection_lost(self, _error: Exception | None) -> None:
        self.lost = True
        self._tunnel.close()

    def pause_writing(self) -> None:
        self._tunnel.stalled_s = self._tunnel.loop.time()
        if self._tunnel.ends and not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self._tunnel.stalled_s = None
        if self._tunnel.ends and not self.other.transport.is_closing():
            self.other.transport.resume_reading()


@dataclass(eq=False)
class Tunnel:
    """`holds`: False once the session has ended. `closed_s`: since when it is closed, None while it is not."""

    notebook: Notebook
    holds: Holds
    loop: asyncio.AbstractEventLoop
    active_s: float
    checked_s: float
    stalled_s: float | None = None
    ends: tuple[TunnelEnd, ...] = ()
    closed_s: float | None = None

    def close(self) -> None:
        """Closes both ends once everything written to them has been sent."""
        if self.closed_s is None:
            self.closed_s = self.loop.time()
            for end in self.ends:
                end.transport.close()

    def abort(self) -> None:
        self.closed_s = self.closed_s or self.loop.time()
        for end in self.ends:
            end.transport.abort()


class Tunnels:
    """All tunnels of a front. To be used from one event loop."""

    def __init__(self, routes: NotebookRoutes) -> None:
        self._routes = routes
        self._all: set[Tunnel] = set()
        self._making: dict[str, int] = {}
        self._watching: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._all)

    @contextlib.contextmanager
    def room(self, notebook: Notebook) -> Any:
        """Reserves room for one tunnel while it is made. Raises NotebookRefused."""
        making = self._making.get(notebook.label, 0)
        of_notebook = making + sum(one.notebook.label == notebook.label for one in self._all)
        if of_notebook >= MOST_OF_NOTEBOOK:
            raise NotebookRefused(
                503, f"The notebook {notebook.name} has {of_notebook} WebSockets: no more are allowed."
            )
        if len(self._all) + sum(self._making.values()) >= MOST:
            raise NotebookRefused(503, f"There are {MOST} WebSockets to notebooks: no more are allowed.")
        self._making[notebook.label] = making + 1
        try:
            yield
        finally:
            self._making[notebook.label] -= 1
            if not self._making[notebook.label]:
                del self._making[notebook.label]

    async def join(
        self, notebook: Notebook, holds: Holds, client: socket.socket, own: socket.socket, first: bytes
    ) -> None:
        """Joins two connections, which it then owns. `first`: bytes for the client."""
        loop = asyncio.get_running_loop()
        tunnel = Tunnel(notebook, holds, loop, loop.time(), loop.time())
        ends = TunnelEnd(tunnel), TunnelEnd(tunnel)
        ends[0].other, ends[1].other = ends[1], ends[0]
        for end, connection in zip(ends, (client, own), strict=True):
            try:
                await loop.create_connection(partial(_same, end), sock=connection)
            except BaseException:
                connection.close()
                tunnel.ends = tuple(one for one in ends if one.transport is not None)
                tunnel.abort()
                if end is ends[0]:
                    own.close()
                raise
        ends[0].transport.write(first)
        tunnel.ends = ends
        for end in ends:
            end.other.transport.writelines(end.early)
            end.early.clear()
        self._all.add(tunnel)
        if tunnel.closed_s is not None:  # one end left before the other was there
            tunnel.abort()
        if self._watching is None or self._watching.done():
            self._watching = loop.create_task(self._watch())

    async def _watch(self) -> None:
        """Closes tunnels that are idle or stalled, or whose session or notebook has ended. Ends with the last tunnel."""
        while self._all:
            await asyncio.sleep(LOOK_S)
            now = asyncio.get_running_loop().time()
            for tunnel in list(self._all):
                if tunnel.closed_s is not None:
                    if all(end.lost for end in tunnel.ends):
                        self._all.discard(tunnel)
                    elif now - tunnel.closed_s > STALL_S:  # one end accepts none of the remaining bytes
                        tunnel.abort()
                elif now - tunnel.active_s > IDLE_S or not self._routes.is_current(tunnel.notebook):
                    tunnel.close()
                elif tunnel.stalled_s is not None and now - tunnel.stalled_s > STALL_S:
                    tunnel.abort()
                elif now - tunnel.checked_s > CHECK_S:
                    tunnel.checked_s = now
                    await self._check(tunnel)

    async def _check(self, tunnel: Tunnel) -> None:
        try:
            if not await tunnel.holds():
                tunnel.close()
        except NotebookRefused:  # nothing is known now: checked again
            pass
        except Exception:
            log.exception("a session could not be checked; its tunnel is closed")
            tunnel.close()

    def close(self) -> None:
        for tunnel in list(self._all):
            tunnel.close()


def _same(end: TunnelEnd) -> TunnelEnd:
    return end


async def handshake(made: socket.socket, head: bytes) -> tuple[bytes, bytes]:
    """Sends a handshake; returns the head of the notebook's answer, and the bytes after it. Raises NotebookRefused."""
    loop = asyncio.get_running_loop()
    data = b""
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            await loop.sock_sendall(made, head)
            while (end := data.find(b"\r\n\r\n")) < 0:
                piece = await loop.sock_recv(made, MOST_HEAD)
                data += piece
                if not piece or len(data) > 2 * MOST_HEAD:
                    raise NotebookRefused(502, "The notebook did not answer the WebSocket's handshake.")
    except OSError as error:
        if isinstance(error, TimeoutError):
            raise NotebookRefused(504, f"The notebook did not answer the handshake within {HANDSHAKE_S:g} s.") from None
        raise NotebookRefused(502, f"The notebook closed the connection: {error}") from None
    return data[: end + 4], data[end + 4 :]
