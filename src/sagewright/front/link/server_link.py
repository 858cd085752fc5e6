"""The front's link to the server: found on the control socket, lost when the server ends, found again by the next one."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from sagewright.front.link import handshake
from sagewright.front.link.messages import Handle, Link

REFRESH_S = 2.0
log = logging.getLogger("sagewright.front.link.server_link")

Linked = Callable[[dict[str, Any], list[socket.socket]], Awaitable[None]]


class ServerLink:
    """One server at a time: a new one replaces the previous one. `offer`: the sockets to present to a server."""

    def __init__(self, control: socket.socket, heard: Handle) -> None:
        control.setblocking(False)
        self._control, self._heard = control, heard
        self._link: Link | None = None
        self._came = asyncio.Event()
        self._refreshes: dict[int, asyncio.Future[None]] = {}
        self._numbers = itertools.count()
        self._handling: set[asyncio.Task[None]] = set()
        self.offer: dict[str, socket.socket] = {}
        self.address: tuple[str, int] | None = None
        """Address of the server's own port."""

    async def run(self, linked: Linked, alone: Callable[[], Awaitable[None]]) -> None:
        """Runs until cancelled. Calls `linked` with a server's hello and its sockets, and `alone` when the server has
        died."""
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._control)
            task = loop.create_task(self._meet(connection, linked, alone))
            self._handling.add(task)
            task.add_done_callback(self._handling.discard)

    async def _meet(self, connection: socket.socket, linked: Linked, alone: Callable[[], Awaitable[None]]) -> None:
        try:
            said, brought = await asyncio.to_thread(self._agree, connection)
        except OSError:  # it only probed, or is gone
            connection.close()
            return
        before = self._link
        connection.setblocking(False)
        link = self._link = await Link.open(connection, self._hear)
        if before is not None:
            before.close()
        self.address = (said["server"][0], said["server"][1])
        await linked(said, brought)
        self._came.set()
        link.send({"ready": True})
        await link.run()
        if self._link is link:
            self._link = None
            self._came.clear()
            await alone()

    def _agree(self, connection: socket.socket) -> tuple[dict[str, Any], list[socket.socket]]:
        """Runs in a thread. Raises OSError."""
        connection.settimeout(handshake.PATIENCE_S)
        handshake.receive(connection)
        names = sorted(self.offer)
        shown = {"release": handshake.release(), "pid": os.getpid(), "sockets": names}
        handshake.send(connection, shown, [self.offer[name] for name in names])
        return handshake.receive(connection)

    async def _hear(self, document: dict[str, Any]) -> None:
        await self._heard(document)
        requested = self._refreshes.get(document.get("refresh", -1))
        if requested is not None and not requested.done():
            requested.set_result(None)

    @property
    def is_present(self) -> bool:
        return self._link is not None and self._link.is_open

    async def present(self, wait_s: float) -> bool:
        """Waits up to `wait_s`; returns True if a server is there."""
        if not self.is_present:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), wait_s)
        return self.is_present

    def send(self, document: dict[str, Any]) -> bool:
        """Returns False if no server is there."""
        return self._link is not None and self._link.send(document)

    async def drained(self) -> None:
        if self._link is not None:
            await self._link.drained()

    async def refresh(self) -> None:
        """Waits until the routes are current, or the server does not respond in time."""
        number = next(self._numbers)
        self._refreshes[number] = asyncio.get_running_loop().create_future()
        try:
            if await self.present(REFRESH_S) and self.send({"refresh": number}):
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._refreshes[number], REFRESH_S)
        finally:
            del self._refreshes[number]
