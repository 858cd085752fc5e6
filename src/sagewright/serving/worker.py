"""One worker: an event loop in a dedicated thread, and the model in the main thread.

The model has the main thread because users' code can require it (signals, some frameworks), and so that /ping is answered during a
long prediction. Quick, thread-safe predictions run in the loop's thread, and so do those of default handlers once they have proven
to be swift (`pace`), if the main thread is idle: passing them on would cost more than the prediction.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from dataclasses import replace

from sagewright.serving.board import Board
from sagewright.serving.connection import Connection, ServedRequest
from sagewright.serving.inline import TIMED_OUT, InlineWatch, say_late
from sagewright.serving.listening import Accepting
from sagewright.serving.messages import Application, Response
from sagewright.serving.settings import ServingSettings
from sagewright.serving.work import Work, answer_all, failure

CANNOT_LOAD = 3
"""Exit status of a worker whose model can't be loaded."""
INLINE_BYTES = 64 << 10
"""Size up to which requests for an application that joins them are answered in the loop's thread."""
_TICK_S = 0.25
_LAST_S = 0.05
_PATIENCE_S = 0.05


class Worker:
    """`number`: its slot on the board."""

    def __init__(
        self, application: Application, settings: ServingSettings, listener: socket.socket, board: Board, number: int
    ) -> None:
        self._application, self._settings, self._listener = application, settings, listener
        self._board, self._number = board, number
        self._loop = _new_loop()
        self._work = Work(application, self._loop, self._answer_joined)
        self._inline = InlineWatch(settings.timeout_s)
        self._connections: set[Connection] = set()
        self._accepting: Accepting | None = None
        self._loaded = False
        self._ending = False
        self._early: list[ServedRequest] = []
        self._joined: list[ServedRequest] = []
        self._parameters = Response(b"Not Found", status=404)
        self._parent = os.getppid()

    def run(self) -> int:
        """Serves until SIGTERM; returns the exit status. In the main thread."""
        signals = self._catch_signals()
        thread = threading.Thread(target=self._run_loop, args=(signals,), name="http", daemon=True)
        thread.start()
        try:
            self._application.load()
            self._parameters = self._execution_parameters()
        except (Exception, SystemExit):
            traceback.print_exc()
            sys.stderr.flush()
            return CANNOT_LOAD
        self._board.set_loaded(self._number)
        self._loop.call_soon_threadsafe(self._begin)
        self._work.run()
        self._loop.call_soon_threadsafe(self._loop.stop)
        thread.join(1)
        return 0

    def _catch_signals(self) -> socket.socket:
        """Makes a signal reach the loop at once, also while the main thread runs C code."""
        told, tell = socket.socketpair()
        tell.setblocking(False)
        told.setblocking(False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: None)
        signal.set_wakeup_fd(tell.detach(), warn_on_full_buffer=False)
        return told

    def _run_loop(self, signals: socket.socket) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.add_reader(signals.fileno(), self._on_signal, signals)
        self._loop.run_until_complete(self._listen())
        self._loop.call_later(_TICK_S, self._tick)
        self._loop.run_forever()

    async def _listen(self) -> None:
        self._accepting = Accepting(self._listener, self._connection, self._patience_s)

    def _connection(self) -> Connection:
        return Connection(self._take, self._settings.body_bytes, self._connections, self._tell_load)

    def _tell_load(self) -> None:
        if self._loaded and not self._ending:
            opening = self._accepting.opening if self._accepting is not None else 0
            self._board.set_load(self._number, opening + len(self._connections) + self._work.is_busy)

    def _patience_s(self) -> float:
        """Returns the time for which other workers can accept a connection first."""
        if self._settings.workers == 1:
            return 0.0
        self._tell_load()
        return 0.0 if self._board.has_least(self._number) else _PATIENCE_S

    def _on_signal(self, signals: socket.socket) -> None:
        if any(number in (signal.SIGTERM, signal.SIGINT) for number in signals.recv(64)):
            self._drain()

    def _drain(self) -> None:
        """Stops accepting requests and drains those in progress."""
        if self._ending:
            return
        self._ending = True
        self._board.set_away(self._number)
        if self._accepting is not None:
            self._accepting.close()
        for connection in list(self._connections):
            connection.end()
        if not self._loaded:
            os._exit(0)
        self._finish_if_idle()

    def _finish_if_idle(self) -> None:
        if self._ending and not self._connections:
            self._work.finish()

    def _begin(self) -> None:
        """Starts serving after the model was loaded."""
        self._loaded = True
        early, self._early = self._early, []
        for exchange in early:
            self._invoke(exchange)

    def _tick(self) -> None:
        self._loop.call_later(_TICK_S, self._tick)
        if os.getppid() != self._parent:
            os._exit(1)
        limit_s = self._settings.timeout_s
        if limit_s and self._work.busy_s > limit_s:
            self._give_up(limit_s)
        else:
            self._finish_if_idle()

    def _give_up(self, limit_s: float) -> None:
        """Ends this process for a request that exceeds its limit: nothing else stops it."""
        say_late(limit_s)
        if self._accepting is not None:
            self._accepting.close()
        late = failure(f"The model did not answer within {limit_s:g} seconds (SAGEMAKER_MODEL_SERVER_TIMEOUT).")
        others = failure("The worker is being replaced.", 503, "ServiceUnavailableException")
        self._ending = True
        self._board.set_away(self._number)
        for connection in list(self._connections):
            connection.end()
        for exchange in self._work.exchanges:
            exchange.send(late)
        for exchange in [*self._work.abandoned(), *self._joined]:
            exchange.send(others)
        self._loop.call_later(_LAST_S, os._exit, TIMED_OUT)
        self._settings = replace(self._settings, timeout_s=0.0)

    def _take(self, exchange: ServedRequest) -> None:
        request = exchange.request
        path, method = request.path, request.method
        if path == "/invocations" or (self._application.manages and (path + "/").startswith("/models/")):
            if path == "/invocations" and method != "POST":
                exchange.send(Response(b"Method Not Allowed", status=405))
            else:
                self._invoke(exchange)
        elif path == "/ping":
            exchange.send(self._ping())
        elif path == "/execution-parameters" and method == "GET":
            exchange.send(self._parameters if self._loaded else _NOT_READY)
        else:
            exchange.send(Response(b"Not Found", status=404))

    def _ping(self) -> Response:
        ready = self._loaded and not self._ending and self._board.all_have_loaded
        return Response(b"") if ready else _NOT_READY

    def _invoke(self, exchange: ServedRequest) -> None:
        if not self._loaded:
            self._early.append(exchange)
        elif self._application.joins:
            if not self._joined:
                self._loop.call_soon(self._answer_joined)
            self._joined.append(exchange)
        else:
            self._work.put([exchange])

    def _answer_joined(self) -> None:
        """Answers all requests that arrived in this iteration of the loop, or while the main thread was busy."""
        if not self._joined or (self._work.is_busy and not self._application.quick):
            return
        exchanges, self._joined = self._joined, []
        pace = self._work.pace
        quick = self._application.quick or (self._application.portable and pace.is_swift)
        if not quick or sum(len(each.request.body) for each in exchanges) > INLINE_BYTES:
            self._work.put(exchanges)
            return
        began = self._inline.begin()
        answers = answer_all(self._application, [each.request for each in exchanges])
        self._inline.end()
        pace.note(time.monotonic() - began)
        for exchange, answer in zip(exchanges, answers):  # noqa: B905 - older Pythons
            exchange.send(answer)

    def _execution_parameters(self) -> Response:
        parameters = self._application.execution_parameters()
        if parameters is None:
            return self._parameters
        return Response(json.dumps(dict(parameters)).encode(), "application/json")


_NOT_READY = Response(b"The model is not loaded yet.", status=503)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # there is no wheel for this Python or machine
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
