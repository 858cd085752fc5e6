"""Threads that were started before there was work for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from sagewright.agent import parallel
from sagewright.agent.parallel import prepare_threads, start_thread


@pytest.fixture(autouse=True)
def _none_waits() -> Iterator[None]:
    yield
    while parallel._waiting:
        start_thread("unused", lambda: None).join()


def test_a_prepared_thread_does_the_work_and_is_not_used_again() -> None:
    before = set(threading.enumerate())
    prepare_threads(1)
    (prepared,) = set(threading.enumerate()) - before
    did: list[threading.Thread] = []
    start_thread("first", lambda: did.append(threading.current_thread())).join()
    start_thread("second", lambda: did.append(threading.current_thread())).join()
    assert did[0] is prepared
    assert did[1] is not prepared
    assert [one.name for one in did] == ["first", "second"]


def test_join_returns_when_the_work_is_done_or_has_failed() -> None:
    done = threading.Event()
    start_thread("does", done.set).join()
    assert done.is_set()
    said: list[str] = []
    hook, threading.excepthook = threading.excepthook, lambda error: said.append(str(error.exc_value))
    try:
        failing = start_thread("fails", lambda: [].remove(0))
        failing.join()
        failing._thread.join()
    finally:
        threading.excepthook = hook
    assert said == ["list.remove(x): x not in list"]
