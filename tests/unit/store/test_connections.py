"""Connections to PostgreSQL: what a read leaves behind on them, and what happens when the server ends them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from tests.postgres import Postgres

from sagewright.model.errors import ServiceUnavailable
from sagewright.store import database as module
from sagewright.store.database import Database
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import JobDraft, ResourceScope
from sagewright.store.resources import tags

SCOPE = ResourceScope("training", "0", "r")
END_OTHERS = text(
    "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@pytest.fixture
def store(postgres: Postgres) -> Iterator[Database]:
    made = Database(postgres.new_database())
    yield made
    made.close()


def end_connections(store: Database) -> None:
    """The server ends every connection of the store's pool, as it does when it is restarted."""
    other = Database(store.engine.url.render_as_string(hide_password=False))
    with other.engine.begin() as connection:
        assert all(connection.execute(END_OTHERS).scalars().all())
    other.close()


def test_a_read_keeps_its_statements_prepared_and_opens_no_transaction(store: Database) -> None:
    job = jobs.create(store, SCOPE, JobDraft("a", {"X": "%s %(y)s"}))
    for _ in range(10):
        found = jobs.find(store, SCOPE, "a")
        assert found is not None
        assert (found.id, found.request) == (job.id, job.request)
    with store.read() as connection:
        names = connection.execute(text("SELECT statement FROM pg_prepared_statements")).scalars().all()
        assert any("FROM jobs" in name for name in names)
        assert connection.execute(text("SELECT now() = statement_timestamp()")).scalar() is True


def test_connections_that_ended_while_nobody_used_them_are_not_noticed(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.create(store, SCOPE, JobDraft("a", {}))
    monkeypatch.setattr(module, "UNPROVEN_S", 0.0)
    end_connections(store)
    assert jobs.find(store, SCOPE, "a") is not None
    end_connections(store)
    tags.add(store, "arn", {"a": "1"})
    assert tags.of(store, "arn") == {"a": "1"}


@pytest.mark.parametrize("prepared", [True, False])
def test_a_connection_that_ends_between_two_requests_costs_one_of_them(
    store: Database, monkeypatch: pytest.MonkeyPatch, prepared: bool
) -> None:
    jobs.create(store, SCOPE, JobDraft("a", {}))
    monkeypatch.setattr(module, "UNPROVEN_S", 3600.0)
    started, go_on = threading.Barrier(5), threading.Barrier(5)

    def use() -> None:
        with store.read():
            started.wait(30)
            go_on.wait(30)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    started.wait(30)
    go_on.wait(30)
    for thread in threads:
        thread.join()
    end_connections(store)  # several connections in the pool
    with pytest.raises(ServiceUnavailable):
        jobs.find(store, SCOPE, "a") if prepared else tags.of(store, "arn")
    for _ in range(5):
        assert jobs.find(store, SCOPE, "a") is not None


def test_reads_together_share_a_connection(store: Database) -> None:
    with store.together():
        with store.read() as one, store.read() as other:
            assert one is other
        with store.together(), store.read() as inner:
            assert inner is one
        with store.read(streamed=True) as streamed:
            assert streamed is not one
        tags.add(store, "arn", {"a": "1"})
        assert tags.of(store, "arn") == {"a": "1"}
    with store.read() as first, store.read() as second:
        assert first is not second


def test_errors_of_prepared_statements_are_those_of_the_store(store: Database) -> None:
    first = jobs.create(store, SCOPE, JobDraft("a", {}))
    with pytest.raises(jobs.JobNameTaken) as raised:
        jobs.create(store, SCOPE, JobDraft("a", {}))
    assert raised.value.job.id == first.id
    assert jobs.find(store, SCOPE, "a") is not None
