"""The gate of a serving host (`model.jobs.gates`)."""

from __future__ import annotations

import asyncio
import hmac
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

from sagewright.model.jobs.gates import KEY_CHARACTERS, ON_ROUTE, SERVER, SHELF, Gate, new_key
from sagewright.model.jobs.serving_sockets import SHELF as SHELF_SOCKET
from sagewright.model.machine import address_towards
from sagewright.sandbox.relay import pass_both_ways
from sagewright.upstream.connecting import ContainerAddress, UnixPath

_CHUNK = 256 << 10
_OPENS_S = 5.0
"""Time within which a connection gives its key."""
_MOST_UNPROVEN = 64
"""Connections that have not given their key yet: another one ends the oldest of them."""
_BACKLOG = 256


class ServingGate:
    """Passes connections to the host's model server. Works in a separate thread until it is closed."""

    def __init__(self, directory: Path, listen: str, endpoint: str) -> None:
        """Opens a port on the address `listen`, or, if that is ON_ROUTE, on the one by which this machine reaches the server at
        `endpoint`. Raises OSError."""
        parts = urlsplit(endpoint)
        address = address_towards(parts.hostname or "", parts.port or 80) if listen == ON_ROUTE else listen
        self._listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        try:
            self._listening.bind((address, 0))
            self._listening.listen(_BACKLOG)
        except OSError:
            self._listening.close()
            raise
        self.gate = Gate(address, self._listening.getsockname()[1], new_key())
        self._targets: dict[bytes, ContainerAddress | UnixPath] = {
            SERVER: ContainerAddress(directory),
            SHELF: UnixPath(directory / SHELF_SOCKET),
        }
        self._unproven: dict[asyncio.StreamWriter, None] = {}
        self._loop = asyncio.new_event_loop()
        self._serving = threading.Event()
        self._thread = threading.Thread(target=self._work, name="gate", daemon=True)
        self._thread.start()
        self._serving.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            serving = self._loop.run_until_complete(
                asyncio.start_server(self._accepted, sock=self._listening, limit=_CHUNK, backlog=_BACKLOG)
            )
        finally:  # the constructor waits for it
            self._serving.set()
        self._loop.run_forever()
        serving.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target = await self._proven(reader, writer)
            if target is not None:
                await self._pass_on(reader, writer, target)
        except (OSError, asyncio.CancelledError):  # cancelled when the gate closes
            writer.transport.abort()
        finally:
            writer.close()

    async def _proven(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> ContainerAddress | UnixPath | None:
        """Returns the target of a connection; None without the key."""
        if len(self._unproven) >= _MOST_UNPROVEN:
            next(iter(self._unproven)).transport.abort()
        self._unproven[writer] = None
        try:
            async with asyncio.timeout(_OPENS_S):
                opening = await reader.readexactly(KEY_CHARACTERS + 1)
        except (TimeoutError, asyncio.IncompleteReadError):
            return None
        finally:
            del self._unproven[writer]
        if not hmac.compare_digest(opening[:KEY_CHARACTERS], self.gate.key.encode()):
            return None
        return self._targets.get(opening[KEY_CHARACTERS:])

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: ContainerAddress | UnixPath
    ) -> None:
        """Passes bytes in both directions until both sides have ended."""
        far_reader, far_writer = await asyncio.open_connection(sock=await target(), limit=_CHUNK)
        try:
            await pass_both_ways((reader, writer), (far_reader, far_writer))
        finally:
            far_writer.close()
