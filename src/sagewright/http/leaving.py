"""Clients that disconnect before their response: their work is cancelled."""

from __future__ import annotations

import asyncio

from sagewright.http.asgi import Incoming
from sagewright.http.direct import DirectExchange

LOOK_S = 0.25
"""Interval of the sweep. A watcher per request would cost more than most requests do."""
PATIENCE_S = 2.0
"""Grace for a client that has closed only its own side: some do so after their request."""


class Callers:
    """The requests in progress. To be used from one event loop."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[object], tuple[Incoming, float]] = {}
        self._left: set[asyncio.Task[object]] = set()
        self._watching = False

    def watch(self, incoming: Incoming, patience_s: float = PATIENCE_S) -> asyncio.Task[object]:
        """Cancels the current task once the client has disconnected. To be followed by `forget`."""
        task: asyncio.Task[object] | None = asyncio.current_task()
        assert task is not None
        self._tasks[task] = incoming, patience_s
        if not self._watching:
            self._watching = True
            asyncio.get_running_loop().call_later(LOOK_S, self._look)
        return task

    def forget(self, task: asyncio.Task[object]) -> bool:
        """Returns True if the task was cancelled because its client has disconnected."""
        self._tasks.pop(task, None)
        if task not in self._left:
            return False
        self._left.discard(task)
        task.uncancel()
        return True

    def _look(self) -> None:
        for task, (incoming, patience_s) in list(self._tasks.items()):
            if incoming.has_left(patience_s):
                del self._tasks[task]
                self._left.add(task)
                task.cancel()
        self._watching = bool(self._tasks)
        if self._watching:
            asyncio.get_running_loop().call_later(LOOK_S, self._look)


class DirectCallers:
    """Clients of requests in progress without a task: `DirectExchange.left` is called instead. To be used from one event loop."""

    def __init__(self) -> None:
        self._exchanges: set[DirectExchange] = set()
        self._watching = False

    def watch(self, exchange: DirectExchange) -> None:
        """To be followed by `forget`."""
        self._exchanges.add(exchange)
        if not self._watching:
            self._watching = True
            asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def forget(self, exchange: DirectExchange) -> None:
        self._exchanges.discard(exchange)

    def _look(self) -> None:
        for exchange in list(self._exchanges):
            exchange.has_left(PATIENCE_S)
        self._watching = bool(self._exchanges)
        if self._watching:
            asyncio.get_running_loop().call_later(LOOK_S, self._look)
