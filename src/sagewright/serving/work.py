"""The work of a worker's main thread: one request after the other, where users' code expects to run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence

from sagewright.serving.connection import ServedRequest
from sagewright.serving.messages import Application, Request, Response
from sagewright.serving.pace import Pace

_PARTS_AHEAD = 16
_CLIENT_S = 600.0


class Work:
    """The queue of requests for the main thread, whose responses return to the event loop. `idle` is called there when it is
    empty."""

    def __init__(self, application: Application, loop: asyncio.AbstractEventLoop, idle: Callable[[], None]) -> None:
        self._application, self._loop, self._idle = application, loop, idle
        self._queue: queue.SimpleQueue[list[ServedRequest] | None] = queue.SimpleQueue()
        self._started: float | None = None
        self._waiting = 0
        self.pace = Pace()
        self.exchanges: list[ServedRequest] = []

    def put(self, exchanges: list[ServedRequest]) -> None:
        """Adds requests; in the loop's thread."""
        self._waiting += 1
        self._queue.put(exchanges)

    @property
    def is_busy(self) -> bool:
        """Returns True if any request is unanswered; in the loop's thread."""
        return self._waiting > 0

    def abandoned(self) -> list[ServedRequest]:
        """Returns the requests that were never started, and will not be."""
        waiting: list[ServedRequest] = []
        with contextlib.suppress(queue.Empty):
            while True:
                waiting += self._queue.get_nowait() or []
        return waiting

    def finish(self) -> None:
        """Ends `run` after all earlier requests."""
        self._queue.put(None)

    @property
    def busy_s(self) -> float:
        """Returns for how long the main thread has been working on the current request."""
        started = self._started
        return 0.0 if started is None else time.monotonic() - started

    def run(self) -> None:
        """Answers requests until `finish`; in the main thread."""
        while (exchanges := self._queue.get()) is not None:
            exchanges = [each for each in exchanges if not each.is_gone]
            self.exchanges, self._started = exchanges, time.monotonic()
            answers = answer_all(self._application, [each.request for each in exchanges])
            self.pace.note(time.monotonic() - self._started)
            whole = []
            for exchange, answer in zip(exchanges, answers):  # noqa: B905 - older Pythons
                if isinstance(answer.body, bytes):
                    whole.append((exchange, answer))
                else:
                    self._stream(exchange, answer, answer.body)
            self.exchanges, self._started = [], None
            self._loop.call_soon_threadsafe(self._done, whole)

    def _done(self, answered: list[tuple[ServedRequest, Response]]) -> None:
        for exchange, answer in answered:
            exchange.send(answer)
        self._waiting -= 1
        if not self._waiting:
            self._idle()

    def _stream(self, exchange: ServedRequest, answer: Response, parts: Iterator[bytes]) -> None:
        """Sends parts as they are produced, at the client's pace."""
        room = threading.BoundedSemaphore(_PARTS_AHEAD)
        tell = self._loop.call_soon_threadsafe
        tell(exchange.begin, answer)
        whole = True
        try:
            for part in parts:
                if not room.acquire(timeout=_CLIENT_S) or exchange.is_gone:
                    break
                tell(exchange.part, part, room.release)
                self._started = time.monotonic()
        except (Exception, SystemExit):  # the head is sent: the response can only be marked as incomplete
            traceback.print_exc()
            whole = False
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()
        tell(exchange.end, whole)


def answer_all(application: Application, requests: Sequence[Request]) -> list[Response]:
    """Returns a response to each request in any case: those that fail together are tried one by one."""
    if len(requests) > 1:
        try:
            return application.invoke_all(requests)
        except (Exception, SystemExit):
            traceback.print_exc()
    return [_answer(application, request) for request in requests]


def _answer(application: Application, request: Request) -> Response:
    try:
        return application.invoke(request)
    except (Exception, SystemExit) as error:  # a request must not end the server
        traceback.print_exc()
        sys.stderr.flush()
        return failure(f"{type(error).__name__}: {error}")


def failure(message: str, status: int = 500, kind: str = "InternalServerException") -> Response:
    """Returns an error in the format of AWS's model servers."""
    text = json.dumps({"code": status, "type": kind, "message": message}, indent=2)
    return Response(text.encode(), "application/json", status)
