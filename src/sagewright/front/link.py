"""The line between server and front: JSON documents, one a line, over a pair of sockets. When one end closes, the other sees it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

MOST_LINE = 256 * 1024 * 1024
Handle = Callable[[dict[str, Any]], Awaitable[None]]


class Link:
    """One end. `handle` is called for each document, in their order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handle) -> None:
        self._reader, self._writer, self._handle = reader, writer, handle

    @classmethod
    async def open(cls, sock: Any, handle: Handle) -> Link:
        reader, writer = await asyncio.open_connection(sock=sock, limit=MOST_LINE)
        return cls(reader, writer, handle)

    async def run(self) -> None:
        """Until the other end has gone."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await self._reader.readline():
                await self._handle(orjson.loads(line))
        self._writer.close()

    def send(self, document: dict[str, Any]) -> None:
        """Never waits; what nobody takes any more is lost."""
        if not self._writer.is_closing():
            self._writer.write(orjson.dumps(document) + b"\n")

    async def drained(self) -> None:
        """Until the other end has taken most of what was sent."""
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()
