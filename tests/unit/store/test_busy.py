"""Waiting for others' writes is bounded, and an event loop does not wait at all: ServiceUnavailable, and nothing was done."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from sagewright.model.errors import ServiceUnavailable
from sagewright.store import database as module
from sagewright.store.database import KEPT_CONNECTIONS, Database
from sagewright.store.resources import tags

WAIT_S = 0.4


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(module, "WRITER_WAIT_S", WAIT_S)
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 's'}" if sqlite else request.getfixturevalue("postgres").new_database()
    made = Database(url)
    yield made
    made.close()


def held_elsewhere(store: Database) -> AbstractContextManager[None]:
    """Another process writes, and doesn't come to an end."""
    return _sqlite_held(store) if store.embedded else _postgres_held(store)


@contextmanager
def _sqlite_held(store: Database) -> Iterator[None]:
    other = sqlite3.connect(str(store.engine.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.close()


@contextmanager
def _postgres_held(store: Database) -> Iterator[None]:
    with store.engine.connect() as other:
        other.execute(text("LOCK TABLE tags IN ACCESS EXCLUSIVE MODE"))
        yield
        other.rollback()


def test_a_lock_of_another_process_is_waited_for_in_vain_for_a_bounded_time(store: Database) -> None:
    with held_elsewhere(store):
        began = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            tags.add(store, "arn", {"a": "1"})
        assert 0.3 < time.monotonic() - began < 3
    assert tags.of(store, "arn") == {}
    tags.add(store, "arn", {"a": "1"})
    assert tags.of(store, "arn") == {"a": "1"}


def test_many_who_wait_at_once(store: Database) -> None:
    results: list[float] = []

    def work() -> None:
        began = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            tags.add(store, "arn", {"a": "1"})
        results.append(time.monotonic() - began)

    with held_elsewhere(store):
        threads = [threading.Thread(target=work) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(results) == 20
    assert max(results) < 3 * WAIT_S + 1
    tags.add(store, "arn", {"a": "1"})


def test_a_connection_pool_without_end_of_waiting(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    if store.embedded:
        return  # it has no pool
    monkeypatch.setattr(store.engine.pool, "_max_overflow", 0)
    with ExitStack() as held:
        for _ in range(KEPT_CONNECTIONS):
            held.enter_context(store.engine.connect())
        for use in (lambda: tags.add(store, "arn", {"a": "1"}), lambda: tags.of(store, "arn")):
            with pytest.raises(ServiceUnavailable):
                use()
    tags.add(store, "arn", {"a": "1"})


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 's'}")
    made.engine.dispose()
    yield made
    made.close()


@contextmanager
def held_by_a_thread(store: Database) -> Iterator[None]:
    begun, end = threading.Event(), threading.Event()

    def hold() -> None:
        with store.write():
            begun.set()
            end.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait()
    yield
    end.set()
    thread.join()


@pytest.mark.parametrize("holder", [_sqlite_held, held_by_a_thread])
def test_an_event_loop_does_not_wait(embedded: Database, holder: object) -> None:
    tags.add(embedded, "arn", {"a": "1"})  # its thread has used the store before
    with holder(embedded):  # type: ignore[operator]
        began = time.monotonic()
        for _ in range(100):
            with embedded.promising(), pytest.raises(ServiceUnavailable):
                tags.add(embedded, "arn", {"a": "2"})
            with embedded.promising():
                assert tags.of(embedded, "arn") == {"a": "1"}
        assert time.monotonic() - began < 1
    with embedded.promising():
        tags.add(embedded, "arn", {"a": "3"})
    assert not embedded.hasty
    assert tags.of(embedded, "arn") == {"a": "3"}


def test_a_short_wait_is_no_reason_to_give_up(embedded: Database) -> None:
    done = 0

    def work() -> None:
        for number in range(200):
            tags.add(embedded, "other", {"n": str(number)})
            time.sleep(0.001)

    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        with embedded.promising():
            try:
                tags.add(embedded, "arn", {"n": "1"})
                done += 1
            except ServiceUnavailable:
                pass
    thread.join()
    assert (
        done > 200
    )  # the other one's; where it holds the lock for long, as on a busy machine, many are told to come back


def test_an_event_loop_waits_for_two_turns_however_many_write(embedded: Database) -> None:
    """It waits 2 ms at most. In a line with the threads, or without any order, it would nearly always wait in vain."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            with embedded.write():
                time.sleep(0.0005)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    done = 0
    for _ in range(100):
        with suppress(ServiceUnavailable), embedded.promising() as promise:
            embedded.reserve(promise)
            done += 1
        time.sleep(2 * module.CONGESTED_S)
    ended.set()
    for thread in threads:
        thread.join()
    assert done > 20


def test_a_turn_that_is_reserved_is_used_or_given_back(embedded: Database) -> None:
    with embedded.promising() as promise:
        embedded.reserve(promise)
        tags.add(embedded, "arn", {"a": "1"})
        tags.add(embedded, "arn", {"b": "2"})  # a second transaction takes a turn itself
    with embedded.promising() as promise:
        embedded.reserve(promise)
        assert tags.of(embedded, "arn") == {"a": "1", "b": "2"}
    with suppress(RuntimeError), embedded.promising() as promise:
        embedded.reserve(promise)
        raise RuntimeError
    tags.add(embedded, "arn", {"c": "3"})
    worked = []
    with held_by_a_thread(embedded), pytest.raises(ServiceUnavailable), embedded.promising() as promise:
        embedded.reserve(promise)
        worked.append("what would have to be done again")
    assert worked == []
    assert not embedded.hasty
    tags.add(embedded, "arn", {"d": "4"})
