"""The link between server and front: JSON documents, one per line, over a Unix socket. Each side notices when the other closes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

MOST_LINE = 256 * 1024 * 1024
Handle = Callable[[dict[str, Any]], Awaitable[None]]


class Link:
    """One side of the link. `handle` is called for each document, in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handle) -> None:
        self._reader, self._writer, self._handle = reader, writer, handle

    @classmethod
    async def open(cls, sock: Any, handle: Handle) -> Link:
        reader, writer = await asyncio.open_connection(sock=sock, limit=MOST_LINE)
        return cls(reader, writer, handle)

    async def run(self) -> None:
        """Runs until the other side closes, or `close` is called."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await self._reader.readline():
                await self._handle(orjson.loads(line))
        self._writer.close()

    @property
    def is_open(self) -> bool:
        return not self._writer.is_closing()

    def send(self, document: dict[str, Any]) -> bool:
        """Sends without waiting. Returns False if the peer is gone and the document is lost."""
        if self._writer.is_closing():
            return False
        self._writer.write(orjson.dumps(document) + b"\n")
        return True

    async def drained(self) -> None:
        """Waits until the other side has received most of what was sent."""
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    def close(self) -> None:
        self._writer.close()
