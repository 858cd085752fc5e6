"""Sends the head of a response and the beginning of its body in one write: two writes cost a small response a third of its time."""

from __future__ import annotations

import asyncio
from typing import Any

SMALL = 65536
"""Size up to which copying is cheaper than another system call."""


class JoinedTransport:
    """The transport of one response: the first write, its head, is delayed until the second, or until the loop's next iteration."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head: bytes | None = None
        self._begun = False

    def write(self, data: bytes) -> None:
        if not self._begun:
            self._begun, self._head = True, data
            self._loop.call_soon(self.flush)
            return
        head = self.take_head()
        if head is not None and len(data) <= SMALL:
            data, head = head + data, None
        if head is not None:
            self._transport.write(head)
        self._transport.write(data)

    def take_head(self) -> bytes | None:
        """Returns the head if it is still pending: the caller then sends it."""
        head, self._head = self._head, None
        return head

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        """Sends the head if it is still pending."""
        head = self.take_head()
        if head is not None:
            self._transport.write(head)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
