"""The front's behaviour while no server runs, and the conditions for its end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from sagewright.front.link.handshake import MAIN
from sagewright.front.link.server_link import ServerLink

LOOK_S = 0.5
MAIN_HELD_S = 60.0
"""Time for which the front answers on the server's own port and keeps it for the next server."""
UNUSED_S = 10.0
"""Time after which a front without a server ends if no endpoint is in service."""
ALONE_S = 24 * 3600.0
"""Time that a front goes on without a server, as agents do."""
IDLE_S = 3.0
log = logging.getLogger("sagewright.front.link.survival")


class Listening(Protocol):
    """The HTTP server of a front."""

    async def accept_main(self, listener: socket.socket) -> None: ...

    def leave_main(self) -> None: ...

    def use_passage(self, end: socket.socket | None) -> None: ...

    async def retire(self, idle_s: float) -> None: ...

    def end(self) -> None: ...


class Survival:
    """`control`: path of the socket by which servers find this front. If another front listens there, this one was replaced."""

    def __init__(self, control: Path, serving: Listening, server: ServerLink) -> None:
        self._control, self._serving, self._server = control, serving, server
        self._own = _identity(control)
        self._main: socket.socket | None = None
        self._alone_s: float | None = asyncio.get_running_loop().time()
        self._retiring: asyncio.Task[None] | None = None
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._let_main_go)

    async def linked(self, said: dict[str, Any], brought: list[socket.socket]) -> None:
        """Handles a new server, which takes its port back."""
        sockets = dict(zip(said["brings"], brought, strict=True))
        self._serving.leave_main()
        if MAIN in sockets:
            self._drop_main()
            self._main = sockets[MAIN]
            self._server.offer[MAIN] = self._main
        self._serving.use_passage(sockets["passage"])
        self._alone_s = None

    async def alone(self) -> None:
        """Handles the loss of the server."""
        self._serving.use_passage(None)
        self._alone_s = asyncio.get_running_loop().time()
        await self._answer_on_main()

    async def leaving(self, serves: bool) -> None:
        """Handles a server that is about to end, and accepts no more. If nothing is served, the front ends too."""
        if serves:
            await self._answer_on_main()
        else:
            self._serving.end()

    def retire(self) -> None:
        if self._retiring is None:
            self._retiring = asyncio.get_running_loop().create_task(self._serving.retire(IDLE_S))

    async def watch(self, serves: Callable[[], bool]) -> None:
        """Runs until cancelled, or until the front should end."""
        while self._retiring is None:
            await asyncio.sleep(LOOK_S)
            now = _identity(self._control)
            if now is None:  # the data directory was removed
                self._serving.end()
                return
            if now != self._own or self._is_over(serves()):
                self.retire()

    def _is_over(self, serves: bool) -> bool:
        if self._alone_s is None:
            return False
        alone_s = asyncio.get_running_loop().time() - self._alone_s
        if alone_s > MAIN_HELD_S:
            self._let_main_go()
        return alone_s > (ALONE_S if serves else UNUSED_S)

    async def _answer_on_main(self) -> None:
        if self._main is not None and self._retiring is None:
            await self._serving.accept_main(self._main)

    def _let_main_go(self) -> None:
        """Releases the server's port, on SIGUSR1 from a server on another data directory."""
        if self._alone_s is not None:
            self._serving.leave_main()
            self._drop_main()

    def _drop_main(self) -> None:
        self._server.offer.pop(MAIN, None)
        if self._main is not None:
            self._main.close()
            self._main = None


def _identity(path: Path) -> tuple[int, int] | None:
    """Returns device and inode of the file at `path`; None if it is missing."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
