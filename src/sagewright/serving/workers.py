"""The parent of the workers: binds the socket, starts workers, and replaces those that die. It loads no model."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

from sagewright.serving.board import Board
from sagewright.serving.listening import listen
from sagewright.serving.messages import Application
from sagewright.serving.settings import ServingSettings
from sagewright.serving.worker import CANNOT_LOAD, Worker

DRAIN_S = 5.0
_WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
_FIRST_S, _LONGEST_S, _STEADY_S = 0.05, 10.0, 30.0
_MOST_FAILURES = 5


def serve_forever(application: Application, settings: ServingSettings) -> int:
    """Serves until SIGTERM; returns the exit status: 0, or 1 if a worker can't load the model. In the main thread.

    Raises OSError if the socket can't be bound.
    """
    listener = listen(settings)
    with suppress(OSError):
        Path("/proc/self/comm").write_text("model server")  # the name in `ps`, set without a package
    where = settings.socket or f"port {settings.port}"
    print(f"Serving on {where} with {settings.workers} worker{'s' * (settings.workers > 1)}.", flush=True)
    return Workers(application, settings, listener).run()


class Workers:
    def __init__(self, application: Application, settings: ServingSettings, listener: socket.socket) -> None:
        self._application, self._settings, self._listener = application, settings, listener
        self._board = Board(settings.workers)
        self._numbers: dict[int, int] = {}
        self._started: dict[int, float] = {}
        self._due: dict[int, float] = {}
        self._failures = 0
        self._pause_s = _FIRST_S

    def run(self) -> int:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        try:
            for number in range(self._settings.workers):
                self._start(number)
            return self._watch()
        finally:
            self._end()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _watch(self) -> int:
        while True:
            wait_s = min([max(at - time.monotonic(), 0.0) for at in self._due.values()], default=60.0)
            told = signal.sigtimedwait(_WATCHED, wait_s)
            if told is not None and told.si_signo != signal.SIGCHLD:
                return 0
            for number, code, age_s in self._ended():
                if not self._may_go_on(number, code, age_s):
                    return 1
            for number in [number for number, at in self._due.items() if at <= time.monotonic()]:
                del self._due[number]
                self._start(number)

    def _start(self, number: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        gc.freeze()  # keeps current objects shared with the worker
        process = os.fork()
        if process == 0:
            self._become_worker(number)
        self._numbers[process] = number
        self._started[process] = time.monotonic()

    def _become_worker(self, number: int) -> None:
        code = CANNOT_LOAD
        try:
            worker = Worker(self._application, self._settings, self._listener, self._board, number)
            for each in _WATCHED:
                signal.signal(each, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
            code = worker.run()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _ended(self) -> list[tuple[int, int, float]]:
        """Returns number, exit status and age of each worker that has ended."""
        ended = []
        while self._numbers:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                break
            number = self._numbers.pop(process, None)
            if number is not None:
                code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
                ended.append((number, code, time.monotonic() - self._started.pop(process)))
        return ended

    def _may_go_on(self, number: int, code: int, age_s: float) -> bool:
        """Replaces a dead worker; returns False if the model can't be served at all."""
        how = f"signal {-code}" if code < 0 else f"status {code}"
        loaded = self._board.has_loaded(number)
        self._board.set_away(number)
        if code == CANNOT_LOAD or not loaded:
            self._failures += 1
            if not loaded or self._failures >= _MOST_FAILURES:
                print(f"The model cannot be loaded: its worker ended with {how}.", file=sys.stderr, flush=True)
                return False
        if age_s > _STEADY_S:
            self._failures, self._pause_s = 0, _FIRST_S
        print(f"A worker ended with {how}; another one replaces it.", file=sys.stderr, flush=True)
        self._due[number] = time.monotonic() + self._pause_s
        self._pause_s = min(self._pause_s * 2, _LONGEST_S)
        return True

    def _end(self) -> None:
        """Sends SIGTERM to all, and SIGKILL to those that have not drained their requests within DRAIN_S."""
        self._listener.close()
        for process in self._numbers:
            os.kill(process, signal.SIGTERM)
        until = time.monotonic() + DRAIN_S
        while self._numbers and (left_s := until - time.monotonic()) > 0:
            self._ended()
            if self._numbers:
                signal.sigtimedwait((signal.SIGCHLD,), min(left_s, 0.5))
        for process in self._numbers:
            os.kill(process, signal.SIGKILL)
        for process in self._numbers:
            os.waitpid(process, 0)
