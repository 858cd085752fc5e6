"""Statements that bypass SQLAlchemy at execution: it takes several times as long around one as SQLite takes to run it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, LargeBinary, Select
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.sql import ClauseElement
from sqlalchemy.types import TypeEngine

_NAME = re.compile(r"%\((\w+)\)s")
TOGETHER = 50
"""Rows of one statement of SQLite, which allows 32,766 parameters."""

Convert = Callable[[Any], Any] | None
Converters = list[tuple[int, Callable[[Any], Any]]]


@dataclass(frozen=True)
class _Compiled:
    """The text for the driver, its parameters in order, the statement's literal values, and the converters of SQLite's results."""

    text: str
    parameters: list[tuple[str, Convert]]
    own: dict[str, Any]
    results: Converters


class PreparedStatement:
    """A statement that is compiled once. `columns`: columns that an insert or update is executed with.

    It goes directly to the driver, with the values converted as SQLAlchemy would. Raises SQLAlchemy's errors.
    """

    def __init__(self, statement: ClauseElement, columns: Sequence[str] | None = None) -> None:
        self._statement: Any = statement
        self._columns = columns
        self._compiled: _Compiled | None = None
        self._for_postgres: _Compiled | None = None
        self._results: Converters | None = None

    def run(self, connection: Connection, values: Mapping[str, Any]) -> None:
        if connection.dialect.name == "sqlite":
            self._run(connection, values)
        else:
            self._ask(connection, values)

    def changed(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Runs the statement and returns the number of rows that it changed."""
        if connection.dialect.name == "sqlite":
            return self._run(connection, values)[1].rowcount
        return int(self._ask(connection, values).rowcount)

    def many(self, connection: Connection, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Runs the statement once for each of `rows`: values of the parameters `names`."""
        if not rows:
            return
        if connection.dialect.name != "sqlite":  # SQLAlchemy puts hundreds of rows into a statement
            connection.execute(self._statement, [dict(zip(names, row, strict=True)) for row in rows])
            return
        compiled = self._prepared(connection)
        order = [names.index(name) for name, _ in compiled.parameters]
        if order != list(range(len(names))):
            rows = [[row[at] for at in order] for row in rows]
        rows = _bound_all(compiled, rows)
        driver: Any = connection.connection.dbapi_connection
        try:
            if isinstance(self._statement, Insert):
                rows = _insert_together(driver, compiled.text, rows)
            driver.executemany(compiled.text, rows)
        except sqlite3.Error as error:
            raise _described(compiled.text, error) from error

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """Returns the first row; the statement should yield no more than needed."""
        if connection.dialect.name == "sqlite":
            compiled, cursor = self._run(connection, values)
            row = cursor.fetchone()
            return None if row is None else _converted(compiled.results, [row])[0]
        rows = self._asked(connection, values)
        return rows[0] if rows else None

    def all(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Returns all rows. Rows may share an equal document: callers must not change one."""
        if connection.dialect.name == "sqlite":
            compiled, cursor = self._run(connection, values)
            return _converted(compiled.results, cursor.fetchall())
        return self._asked(connection, values)

    def _asked(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        cursor = self._ask(connection, values)
        return _converted(self._results_of(cursor, connection.dialect), cursor.fetchall())

    def _ask(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Returns PostgreSQL's cursor after the statement, which the driver prepares once it has run some times."""
        compiled = self._of_postgres(connection)
        driver: Any = connection.connection.dbapi_connection
        with _told(connection, driver, compiled.text):
            return driver.execute(compiled.text, _bound(compiled, values))

    def _of_postgres(self, connection: Connection) -> _Compiled:
        if self._for_postgres is None:
            inline = self._statement.inline() if isinstance(self._statement, Insert) else self._statement
            self._for_postgres = _compile(inline, self._columns, connection.dialect)
        return self._for_postgres

    def _results_of(self, cursor: Any, dialect: Dialect) -> Converters:
        """Returns the converters of PostgreSQL's results, which depend on the types that it returns: always the same ones."""
        if not isinstance(self._statement, Select):
            return []
        if self._results is None:
            self._results = _converters(self._statement, dialect, [column.type_code for column in cursor.description])
        return self._results

    def _run(self, connection: Connection, values: Mapping[str, Any]) -> tuple[_Compiled, sqlite3.Cursor]:
        compiled = self._prepared(connection)
        driver: Any = connection.connection.dbapi_connection
        bound = _bound(compiled, values)
        try:
            return compiled, driver.execute(compiled.text, bound)
        except sqlite3.Error as error:
            raise _described(compiled.text, error) from error

    def _prepared(self, connection: Connection) -> _Compiled:
        compiled = self._compiled
        if compiled is None:  # two threads may both compile, with the same result
            compiled = self._compiled = _compile(self._statement, self._columns, connection.dialect)
        return compiled


def _bound_all(compiled: _Compiled, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """Returns rows of values in the driver's order as the driver takes them."""
    converts = [(at, convert) for at, (_, convert) in enumerate(compiled.parameters) if convert is not None]
    if not converts:
        return rows
    bound = [list(row) for row in rows]
    for row in bound:
        for at, convert in converts:
            row[at] = convert(row[at])
    return bound


def _insert_together(driver: Any, text: str, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """Inserts as many rows as fill statements of TOGETHER rows, and returns the others.

    The driver releases the GIL for each row of an executemany, and may then wait for it while it holds the right to write.
    """
    whole = len(rows) - len(rows) % TOGETHER
    for at in range(0, whole, TOGETHER):
        driver.execute(_of_several(text), [value for row in rows[at : at + TOGETHER] for value in row])
    return rows[whole:]


@lru_cache(64)
def _of_several(text: str) -> str:
    """Returns an INSERT of one row for TOGETHER rows. It leaves the rows before a bad one to the rollback of the transaction:
    SQLite would copy all pages that it changes, to undo the statement alone."""
    begin, values, rest = text.replace("INSERT INTO", "INSERT OR FAIL INTO", 1).rpartition(" VALUES ")
    row, end, conflict = rest.partition(")")
    return begin + values + ", ".join([row + end] * TOGETHER) + conflict


def _bound(compiled: _Compiled, values: Mapping[str, Any]) -> list[Any]:
    """Returns the values as the driver takes them, in its order."""
    if compiled.own:
        values = {**compiled.own, **values}
    return [values[name] if convert is None else convert(values[name]) for name, convert in compiled.parameters]


@contextmanager
def _told(connection: Connection, driver: Any, text: str) -> Iterator[None]:
    """Raises SQLAlchemy's errors for those of PostgreSQL's driver; all connections are made anew if the server has gone."""
    errors: Any = connection.dialect.loaded_dbapi
    try:
        yield
    except errors.Error as error:
        if driver.closed:
            connection.exec_driver_sql("SELECT 1")  # SQLAlchemy finds it closed, and tells the pool
        raise DBAPIError.instance(text, None, error, errors.Error, dialect=connection.dialect) from error


def _described(text: str, error: sqlite3.Error) -> Exception:
    """Returns SQLAlchemy's error for the driver's."""
    for kind, own in ((sqlite3.IntegrityError, IntegrityError), (sqlite3.OperationalError, OperationalError)):
        if isinstance(error, kind):
            return own(text, None, error)
    return error


def _compile(statement: Any, columns: Sequence[str] | None, dialect: Dialect) -> _Compiled:
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    names, text = compiled.positiontup, str(compiled)
    if names is None:  # PostgreSQL's driver would look for the names in the text each time
        names, text = _NAME.findall(text), _NAME.sub("%s", text)
    binds = [(name, compiled.binds[name]) for name in names]
    results: Converters = []
    if isinstance(statement, Select) and dialect.name == "sqlite":
        results = _converters(statement, dialect, [None] * len(statement.selected_columns))
    return _Compiled(
        text,
        [(name, _converter(bind.type, dialect)) for name, bind in binds],
        {name: bind.value for name, bind in binds if not bind.required},
        results,
    )


def _converter(type_: TypeEngine[Any], dialect: Dialect) -> Convert:
    """Returns the converter of a parameter. SQLite's driver takes bytes as they are; SQLAlchemy would wrap them."""
    if isinstance(type_, LargeBinary) and dialect.name == "sqlite":
        return None
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _converters(statement: Select[Any], dialect: Dialect, codes: Sequence[object]) -> Converters:
    """Returns the converters of the columns that need one. `codes`: the driver's types, if it tells them."""
    types = (column.type.dialect_impl(dialect) for column in statement.selected_columns)
    converts = [type_.result_processor(dialect, code) for type_, code in zip(types, codes, strict=True)]
    return [(at, convert) for at, convert in enumerate(converts) if convert is not None]


def _converted(results: Converters, rows: list[tuple[Any, ...]]) -> Sequence[Sequence[Any]]:
    if not results:
        return rows
    found = [list(row) for row in rows]
    for position, convert in results:
        known: dict[Any, Any] = {}
        for row in found:
            raw = row[position]
            if raw not in known:
                known[raw] = convert(raw)
            row[position] = known[raw]
    return found
