"""Prepared statements give what SQLAlchemy gives, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from sagewright.store import prepared
from sagewright.store.absent import insert_of
from sagewright.store.database import Database
from sagewright.store.prepared import PreparedStatement
from sagewright.store.schema.objects import objects
from sagewright.store.schema.properties import index_grams, index_values

ROW = {
    "bucket": "b",
    "key": "ü",
    "rank": -1,
    "version": "null",
    "latest": True,
    "delete_marker": False,
    "blob": None,
    "size": 2**40,
    "etag": "e",
    "modified_ms": 5,
    "headers": {"a": [1, None, "ü"]},
    "user_metadata": {},
    "tags": {"x": "y"},
    "checksums": {},
    "parts": [{"number": 1}],
}
INSERT = PreparedStatement(insert(objects), list(ROW))
BY_KEY = select(objects).where(objects.c.key == bindparam("of_key")).order_by(objects.c.rank)


def test_values_come_back_as_they_went_in(database: Database) -> None:
    with database.write() as connection:
        INSERT.run(connection, ROW)
        INSERT.run(connection, {**ROW, "rank": -2, "latest": False, "headers": {}})
        ours = [tuple(row) for row in PreparedStatement(BY_KEY).all(connection, {"of_key": "ü"})]
        theirs = [tuple(row) for row in connection.execute(BY_KEY, {"of_key": "ü"})]
        assert ours == theirs
        assert dict(zip(ROW, ours[1], strict=True)) == ROW
        assert [type(value) for value in ours[1]] == [type(value) for value in theirs[1]]


def test_values_of_the_statement_itself_are_kept(database: Database) -> None:
    first = PreparedStatement(BY_KEY.where(objects.c.latest == True).limit(1))  # noqa: E712
    with database.write() as connection:
        for rank in (-3, -2, -1):
            INSERT.run(connection, {**ROW, "rank": rank, "latest": rank != -3})
        row = first.first(connection, {"of_key": "ü"})
        assert row is not None
        assert row[2] == -2
        assert first.first(connection, {"of_key": "other"}) is None


def test_changes_and_deletions(database: Database) -> None:
    of_rank = objects.c.rank == bindparam("of_rank")
    with database.write() as connection:
        INSERT.run(connection, ROW)
        PreparedStatement(update(objects).where(of_rank), ["tags", "latest"]).run(
            connection, {"of_rank": -1, "tags": {}, "latest": False}
        )
        row = connection.execute(select(objects.c.tags, objects.c.latest)).one()
        assert tuple(row) == ({}, False)
        PreparedStatement(delete(objects).where(of_rank)).run(connection, {"of_rank": -1})
        assert connection.execute(select(objects.c.key)).all() == []


def test_a_row_that_is_there_is_told_as_by_sqlalchemy(database: Database) -> None:
    with database.write() as connection:
        INSERT.run(connection, ROW)
    with pytest.raises(IntegrityError), database.write() as connection:
        INSERT.run(connection, ROW)


def test_what_was_run_is_part_of_the_transaction(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as connection:
        INSERT.run(connection, ROW)
        raise RuntimeError
    with database.read() as connection:
        assert PreparedStatement(BY_KEY).all(connection, {"of_key": "ü"}) == []


def test_threads_that_begin_at_once_get_the_same(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first runs of a statement compile it, here all of them at one time."""
    together = threading.Barrier(8)
    compiling = prepared._compile

    def slowly(*arguments: Any) -> Any:
        together.wait(20)
        return compiling(*arguments)

    with database.write() as connection:
        INSERT.run(connection, ROW)
    monkeypatch.setattr(prepared, "_compile", slowly)
    shared = PreparedStatement(BY_KEY)

    def read(_: int) -> list[str]:
        with database.read() as connection:
            return [row[1] for _ in range(3) for row in shared.all(connection, {"of_key": "ü"})]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(8))) == [["ü"] * 3] * 8


def test_many_rows_at_once(database: Database) -> None:
    grams = PreparedStatement(insert(index_grams), ["path", "gram", "subject"])
    by_gram = PreparedStatement(
        delete(index_grams).where(index_grams.c.gram == bindparam("text"), index_grams.c.path == bindparam("at"))
    )
    everything = select(index_grams.c.gram, index_grams.c.subject).order_by(index_grams.c.gram)
    with database.write() as connection:
        grams.many(connection, ("gram", "subject", "path"), [])
        grams.many(connection, ("gram", "subject", "path"), [("abc", 7, 1), ("üüü", 8, 1), ("xyz", 9, 2)])
        assert [tuple(row) for row in connection.execute(everything)] == [("abc", 7), ("xyz", 9), ("üüü", 8)]
        by_gram.many(connection, ("at", "text"), [(1, "abc"), (1, "xyz")])
        assert [tuple(row) for row in connection.execute(everything)] == [("xyz", 9), ("üüü", 8)]
    with pytest.raises(IntegrityError), database.write() as connection:
        grams.many(connection, ("path", "gram", "subject"), [(2, "xyz", 9)])


def test_many_rows_are_converted_as_one_is(database: Database) -> None:
    rows = [{**ROW, "rank": number, "latest": number == 0} for number in range(prepared.TOGETHER + 3)]
    names = sorted(ROW)
    values = PreparedStatement(insert(index_values), ["subject", "path", "position", "key"])
    with database.write() as connection:
        INSERT.many(connection, names, [[row[name] for name in names] for row in rows])
        values.many(connection, ("key", "subject", "path", "position"), [(b"\x00\xff", 1, 2, 0)])
        found = connection.execute(BY_KEY, {"of_key": "ü"}).mappings()
        assert [dict(row) for row in found] == rows
        assert bytes(connection.execute(select(index_values.c.key)).scalar_one()) == b"\x00\xff"


def test_more_rows_than_one_statement_takes(database: Database) -> None:
    """A row that is there already ends the transaction, or is left out by a statement that says so."""
    names = ("path", "gram", "subject")
    strict = PreparedStatement(insert(index_grams), names)
    rows = [(1, f"{number:03}", number) for number in range(2 * prepared.TOGETHER + 7)]
    everything = select(index_grams.c.path, index_grams.c.gram, index_grams.c.subject).order_by(index_grams.c.subject)
    with database.write() as connection:
        strict.many(connection, names, rows)
    more = [(1, f"{number:03}", number) for number in range(200, 200 + prepared.TOGETHER - 1)]
    with pytest.raises(IntegrityError), database.write() as connection:
        strict.many(connection, names, [*more, rows[3]])
    with database.read() as connection:
        assert [tuple(row) for row in connection.execute(everything)] == rows
    with database.write() as connection:
        lenient = insert_of(connection.dialect.name)(index_grams).on_conflict_do_nothing()
        PreparedStatement(lenient, names).many(connection, names, [*more, rows[3]])
        assert [tuple(row) for row in connection.execute(everything)] == [*rows, *more]
