"""Stores on PostgreSQL that tests hand to each other."""

from __future__ import annotations

import subprocess

import pytest
from sqlalchemy import text
from tests.postgres import Postgres

from sagewright.store.database import Database
from sagewright.store.jobs import jobs
from sagewright.store.jobs.jobs import JobDraft, ResourceScope


@pytest.fixture(scope="module")
def alone(postgres: Postgres) -> Postgres:
    """The same server with no store that another test has left."""
    return Postgres(postgres.directory, postgres.binaries, as_user=postgres.as_user, template="migrated_alone")


def dump(postgres: Postgres, url: str) -> list[str]:
    """All that is in the store."""
    name = url.partition("@/")[2].partition("?")[0]
    command = [str(postgres.binaries / "pg_dump"), "-U", "test", "-h", str(postgres.directory), name]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line for line in lines if not line.startswith(("\\restrict", "\\unrestrict"))]  # a word of the dump's own


def test_a_store_that_was_given_back_is_as_new(alone: Postgres) -> None:
    url = alone.new_store()
    new = dump(alone, url)
    store = Database(url)
    for name in ("a", "b"):
        jobs.create(store, ResourceScope("training", "0", "r"), JobDraft(name, {}))
    store.close()
    assert dump(alone, url) != new
    alone.give_back(url)
    assert alone.new_store() == url
    assert dump(alone, url) == new
    alone.drop(url)


@pytest.mark.parametrize("change", ["ALTER TABLE buckets ADD COLUMN more int", "CREATE TABLE more (id int)"])
def test_one_whose_tables_were_changed_is_not_given_again(alone: Postgres, change: str) -> None:
    url = alone.new_store()
    store = Database(url)
    with store.write() as connection:
        connection.execute(text(change))
    store.close()
    alone.give_back(url)
    other = alone.new_store()
    assert other != url
    alone.drop(other)


def test_one_that_somebody_still_uses_is_not_given_again(alone: Postgres) -> None:
    url = alone.new_store()
    name = url.partition("@/")[2].partition("?")[0]
    command = [
        str(alone.binaries / "psql"),
        "-U",
        "test",
        "-h",
        str(alone.directory),
        "-c",
        "SELECT 'here', pg_sleep(60)",
        name,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as other:
        while not alone.others(url):
            assert other.poll() is None
        alone.give_back(url)
        assert b"terminating connection" in other.communicate(timeout=60)[1]
    fresh = alone.new_store()
    assert fresh != url
    alone.drop(fresh)


def test_one_that_has_grown_is_not_given_again(alone: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.postgres.MOST_GROWN", -1)
    url = alone.new_store()
    alone.give_back(url)
    other = alone.new_store()
    assert other != url
    alone.drop(other)
