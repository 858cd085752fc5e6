"""Work in other threads, while this one checks whether it should go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from sagewright.agent.threads import start_thread

T = TypeVar("T")
_LOOK_S = 0.2
_AHEAD = 2  # items fetched in advance per worker


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
