from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sagewright.model.jobs.state_machines import SecondaryStatus
from sagewright.store.database import Database
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import DesiredState, Event, JobDraft, ResourceScope
from sagewright.store.memory import SUBJECTS, RowMemory, changes, known

SCOPE = ResourceScope("training", "0", "r")


@pytest.fixture
def store(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path}/db")


def test_a_value_is_read_once_until_its_subject_changes(store: Database) -> None:
    reads: list[int] = []

    def read() -> int:
        reads.append(1)
        return len(reads)

    assert [store.recall("a", "n", read) for _ in range(3)] == [1, 1, 1]
    assert store.recall("a", "other", read) == 2
    with store.write() as connection:
        changes(connection, "a", other=9)
        changes(connection, "b")
    assert store.recall("a", "n", read) == 3
    assert store.recall("a", "other", read) == 9


def test_what_was_rolled_back_is_not_told(store: Database) -> None:
    assert store.recall("a", "n", lambda: 1) == 1

    def fail() -> None:
        with store.write() as connection:
            changes(connection, "a", n=2)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.write() as connection:
        changes(connection, "b")
    assert store.recall("a", "n", lambda: 3) == 1


def test_a_value_that_was_overtaken_is_not_kept(store: Database) -> None:
    def read() -> str:
        with store.write() as connection:
            changes(connection, "other")
        return "old"

    assert store.recall("a", "n", read) == "old"
    assert store.recall("a", "n", lambda: "new") == "new"


def test_who_writes_reads_for_himself(store: Database) -> None:
    job = jobs.create(store, SCOPE, JobDraft("one", {"a": 1}, "m"))
    with pytest.raises(RuntimeError), store.write() as connection:
        jobs.move_in(connection, job.id, Event(SecondaryStatus.FAILED, ended=True))
        inside = jobs.get(store, job.id)
        assert inside
        assert inside.secondary_status == "Failed"
        raise RuntimeError
    assert jobs.get(store, job.id) == job


def test_a_transaction_knows_what_it_has_not_changed(store: Database) -> None:
    store.recall("a", "n", lambda: 1)
    with store.write() as connection:
        assert (known(connection, "a", "n"), known(connection, "a", "other"), known(connection, "b", "n")) == (
            1,
            None,
            None,
        )
        changes(connection, "a")
        assert known(connection, "a", "n") is None
    with store.write() as connection:
        assert known(connection, "a", "n") is None


def test_the_oldest_subjects_make_room() -> None:
    memory = RowMemory()
    for number in range(SUBJECTS + 2):
        memory.recall(str(number), "n", lambda: "first")
    assert memory.recall(str(SUBJECTS), "n", lambda: "again") == "first"
    assert memory.recall("0", "n", lambda: "again") == "again"


def test_what_is_remembered_has_a_limit_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.store.memory.BYTES", 10_000)
    monkeypatch.setattr("sagewright.store.memory.LARGEST", 5_000)
    memory = RowMemory()
    for number in range(20):
        memory.recall(str(number), "n", lambda: "x" * 1000)
    kept = [number for number in range(20) if memory.kept(str(number), "n")]
    assert kept == list(range(20 - len(kept), 20))
    assert 8 <= len(kept) <= 10
    memory.recall("large", "n", lambda: "x" * 6_000)
    assert memory.kept("large", "n") is None
    memory.recall("19", "other", lambda: "x" * 4_900)
    assert memory.kept("19", "other")


def test_a_name_that_is_used_again_is_another_job(store: Database) -> None:
    one = jobs.create(store, SCOPE, JobDraft("one", {"a": 1}, "m"))
    assert jobs.find(store, SCOPE, "one") == one
    jobs.remove(store, one.id)
    assert jobs.find(store, SCOPE, "one") is None
    two = jobs.create(store, SCOPE, JobDraft("one", {"a": 2}, "m"))
    found = jobs.find(store, SCOPE, "one")
    assert found == two
    jobs.set_desired(store, two.id, DesiredState.STOP)
    found = jobs.find(store, SCOPE, "one")
    assert found
    assert found.desired == "stop"
    assert found.request == {"a": 2}


def test_readers_never_see_what_is_no_longer_so(store: Database) -> None:
    """One thread changes a job and looks; others read all the while. What the writer sees is never older than its write."""
    job = jobs.create(store, SCOPE, JobDraft("one", {"n": 0}, "m"))
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            jobs.get(store, job.id)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(300):
            jobs.change_request(store, job.id, {"n": number})
            found = jobs.get(store, job.id)
            assert found
            assert found.request == {"n": number}
    finally:
        stop.set()
        for reader in readers:
            reader.join()


def test_what_was_cleared_is_read_again() -> None:
    memory = RowMemory()
    assert (memory.recall("a", "x", lambda: 1), memory.recall("a", "x", lambda: 2)) == (1, 1)
    memory.clear()
    assert memory.recall("a", "x", lambda: 3) == 3
