"""Work in other threads, while this one checks whether it should go on; and threads that are started before they are needed.

A new thread is on the way to a job's first line: `Thread.start` returns only once the thread has run, which takes milliseconds on
a busy machine. So an agent that waits for its job starts some, which wait for work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

T = TypeVar("T")
_LOOK_S = 0.2
_AHEAD = 2  # items fetched in advance per worker

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


def for_each(items: Iterable[T], act: Callable[[T], Any], check: Callable[[], None], workers: int) -> None:
    """Acts on every item, several at a time; items are fetched as needed. `check` is called at least every 0.2 s and raises to give
    up; stuck work is then abandoned. Raises the first error that `act` raises."""
    pool = ThreadPoolExecutor(workers)
    pending: set[Future[Any]] = set()
    try:
        for item in items:
            pending.add(pool.submit(act, item))
            while len(pending) >= _AHEAD * workers:
                pending = _settle(pending, check)
        while pending:
            pending = _settle(pending, check)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def attended(act: Callable[[], T], check: Callable[[], None]) -> T:
    """Returns the result of `act`, run in a separate thread; `check` as above."""
    found: list[T] = []
    failed: list[BaseException] = []
    over = threading.Event()

    def work() -> None:
        try:
            found.append(act())
        except BaseException as error:
            failed.append(error)
        over.set()

    start_thread("attended", work)
    while not over.wait(_LOOK_S):
        check()
    check()
    if failed:
        raise failed[0]
    return found[0]


def _settle(pending: set[Future[Any]], check: Callable[[], None]) -> set[Future[Any]]:
    done, left = wait(pending, _LOOK_S, FIRST_COMPLETED)
    check()
    for one in done:
        one.result()
    return left
