"""The line between server and front: JSON documents, one a line, over a Unix socket. When one end closes, the other sees it."""

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
        """Returns when the other end has gone, or `close` was called."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await self._reader.readline():
                await self._handle(orjson.loads(line))
        self._writer.close()

    @property
    def is_open(self) -> bool:
        return not self._writer.is_closing()

    def send(self, document: dict[str, Any]) -> bool:
        """Never waits. False: the other end has gone, and the document with it."""
        if self._writer.is_closing():
            return False
        self._writer.write(orjson.dumps(document) + b"\n")
        return True

    async def drained(self) -> None:
        """Returns once the other end has taken most of what was sent."""
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    def close(self) -> None:
        self._writer.close()
