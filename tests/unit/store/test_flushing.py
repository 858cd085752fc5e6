"""One fsync for all who wait, and none that began before they asked."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from sagewright.store.database import Database
from sagewright.store.flushing import LogFlusher


def test_those_who_wait_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wal").touch()
    flusher, syncs = LogFlusher(tmp_path / "wal"), []

    def slow(_file: int) -> None:
        syncs.append(time.monotonic())
        time.sleep(0.05)

    monkeypatch.setattr(os, "fdatasync", slow)
    requested: list[float] = []

    def ask() -> None:
        requested.append(time.monotonic())
        flusher.flush()
        assert any(begun >= requested[0] for begun in syncs)

    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= len(syncs) <= 5
    before = len(syncs)
    flusher.flush()
    assert len(syncs) == before + 1, "a sync that has ended covers nobody who asks later"


def test_a_sync_that_fails_is_told_and_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wal").touch()
    flusher = LogFlusher(tmp_path / "wal")

    def fail(_file: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="Input/output"):
        patched.setattr(os, "fdatasync", fail)
        flusher.flush()
    flusher.flush()


@pytest.mark.parametrize(("fsync", "waits"), [("normal", True), ("off", False), ("full", False)])
def test_a_durable_transaction_waits_where_sqlite_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: str, waits: bool
) -> None:
    store, flushed = Database(f"sqlite:///{tmp_path / 'store.sqlite'}", fsync), []
    monkeypatch.setattr(LogFlusher, "flush", lambda _self: flushed.append(1))
    with store.write():
        pass
    assert flushed == []
    with store.write(durable=True):
        pass
    assert bool(flushed) is waits
    store.close()


def test_a_promise_is_due_once_something_durable_was_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(LogFlusher, "_sync", lambda _flusher: synced.append(1))
    store = Database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    try:
        with store.promising() as promise:
            with store.write():
                pass
            assert not promise.due
            with store.write(durable=True):
                pass
            assert promise.due
        assert synced == []
        store.flush()
        assert synced == [1]
        with store.write(durable=True):
            pass
        assert synced == [1, 1]
    finally:
        store.close()
