"""Shares the CPUs of a job among Python threads that work on parts of the data, each with single-threaded matrix products.

The threads of a BLAS wait for each other by spinning: beside a busy core, that costs several times their work. Results don't depend
on the number of threads: the parts are always cut in the same way, and combined in order.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from sagewright.algorithms.native import hardware

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD = 2
if "OMP_WAIT_POLICY" not in os.environ:  # read by OpenMP's library when it is loaded (Faiss's threads)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.pop("GOMP_SPINCOUNT", None)  # it would take precedence
_pools: list[ThreadPoolExecutor] = []
_here = threading.local()


def one() -> AbstractContextManager[object]:
    """Restricts matrix products to one thread. Products of mini-batches are too small to share: threads that wait for each other
    cost twenty times as much on busy cores."""
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits


@contextlib.contextmanager
def shared() -> Iterator[None]:
    """A context in which `each` and `ahead` use the job's CPUs, and matrix products one thread."""
    count = hardware.cpu_count()
    with one():
        if count == 1 or _pools:
            yield
            return
        with ThreadPoolExecutor(count, "rows") as pool:
            _pools.append(pool)
            try:
                yield
            finally:
                _pools.remove(pool)


def each(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The function's result for every item, in their order; inside another `each`, sequentially."""
    items = list(items)
    if not _pools or len(items) < 2 or getattr(_here, "working", False):
        return [function(item) for item in items]
    return list(_pools[-1].map(lambda item: _work(function, item), items))


def _work(function: Callable[[Item], Result], item: Item) -> Result:
    _here.working = True
    try:
        return function(item)
    finally:
        _here.working = False


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The items, a few of which are made ahead in a separate thread."""
    return _ahead(iter(items)) if _pools else iter(items)


def _ahead(items: Iterator[Item]) -> Iterator[Item]:
    made: queue.Queue[tuple[str, Any]] = queue.Queue(AHEAD)
    ended = threading.Event()

    def put(kind: str, value: Any) -> bool:
        while not ended.is_set():
            with contextlib.suppress(queue.Full):
                made.put((kind, value), timeout=0.1)
                return True
        return False

    def make() -> None:
        try:
            for item in items:
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:
            put("error", error)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            kind, value = made.get()
            if kind == "item":
                yield value
            elif kind == "end":
                return
            else:
                raise value
    finally:
        ended.set()
