"""Sends files to a connection in the kernel, from its cache to the socket, without copying them to this process."""

from __future__ import annotations

import asyncio
import os
import select
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

BURST = 16 * 1024 * 1024
"""Number of bytes after which a thread moves on to another connection."""

PATIENCE_MS = 50
"""Time that a thread waits for a receiver; the event loop, which can handle any number, waits for slower ones."""

STALL_S = 120.0
"""Maximum time that a receiver can accept nothing before it counts as disconnected."""

THREADS = 32
_POOL = ThreadPoolExecutor(THREADS, thread_name_prefix="sending")


class FileSender:
    """Sends `head`, then `length` bytes of `file` from `offset`, to `connection`. Closes both."""

    def __init__(self, connection: socket.socket, head: bytes, file: BinaryIO, offset: int, length: int) -> None:
        self._connection, self._head = connection, head
        self._file, self._at, self._end = file, offset, offset + length
        self._ready = select.poll()
        self._ready.register(connection.fileno(), select.POLLOUT)

    async def send(self) -> None:
        """Raises ConnectionError, TimeoutError if the receiver has disconnected; OSError if the file can't be read."""
        loop = asyncio.get_running_loop()
        burst: Future[bool] | None = None
        try:
            while self._left():
                burst = _POOL.submit(self._burst)
                if not await asyncio.wrap_future(burst):
                    await _writable(loop, self._connection.fileno())
        finally:
            if burst is None:
                self.close()
            else:  # a cancelled send may still be running
                burst.add_done_callback(lambda _: self.close())

    def close(self) -> None:
        self._connection.close()
        self._file.close()

    def _left(self) -> int:
        return len(self._head) + self._end - self._at

    def _burst(self) -> bool:
        """Sends as much as possible without waiting; returns False if the receiver is not ready for more."""
        least = max(0, self._left() - BURST)
        while self._left() > least:
            try:
                self._send_some()
            except BlockingIOError:
                if not self._ready.poll(PATIENCE_MS):
                    return False
        return True

    def _send_some(self) -> None:
        if self._head:
            sent = self._connection.send(self._head, socket.MSG_MORE | socket.MSG_DONTWAIT)
            self._head = self._head[sent:]
            return
        sent = os.sendfile(self._connection.fileno(), self._file.fileno(), self._at, min(BURST, self._end - self._at))
        if not sent:
            raise OSError(f"a file ended {self._end - self._at} bytes early")
        self._at += sent


async def _writable(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(descriptor, _settle, ready)
    try:
        async with asyncio.timeout(STALL_S):
            await ready
    finally:
        loop.remove_writer(descriptor)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
