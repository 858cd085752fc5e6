"""Threads of the agent, some of which are started before they are needed.

A new thread is on the way to a job's first line: `Thread.start` returns only once the thread has run, which takes milliseconds on
a busy machine. So an agent that waits for its job starts some, which wait for work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

_waiting: list[WorkThread] = []


class WorkThread:
    """A daemon thread that runs one function, given now or later."""

    def __init__(self) -> None:
        self._given, self._over = threading.Lock(), threading.Event()
        self._given.acquire()
        self._work: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def give(self, name: str, work: Callable[[], None]) -> None:
        """Lets the thread run `work`; returns at once."""
        self._thread.name, self._work = name, work
        self._given.release()

    def join(self) -> None:
        self._over.wait()

    def _run(self) -> None:
        self._given.acquire()
        try:
            self._work()
        finally:
            self._over.set()


def prepare_threads(count: int) -> None:
    """Starts threads for the next `count` calls of `start_thread`."""
    _waiting.extend(WorkThread() for _ in range(count))


def start_thread(name: str, work: Callable[[], None]) -> WorkThread:
    """Runs `work` in a thread: in a prepared one, if there is any."""
    thread = _waiting.pop() if _waiting else WorkThread()
    thread.give(name, work)
    return thread
