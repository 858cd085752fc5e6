"""Statements that bypass SQLAlchemy at execution: it takes several times as long around one as SQLite takes to run it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.sql import ClauseElement

Convert = Callable[[Any], Any] | None


@dataclass(frozen=True)
class _Compiled:
    """The text for SQLite, its parameters in order, the statement's literal values, and the converters of results."""

    text: str
    parameters: list[tuple[str, Convert]]
    own: dict[str, Any]
    results: list[tuple[int, Callable[[Any], Any]]]


class PreparedStatement:
    """A statement that is compiled once. `columns`: columns that an insert or update is executed with.

    On SQLite it goes directly to the driver, with the values converted as SQLAlchemy would; on PostgreSQL it uses SQLAlchemy.
    Raises SQLAlchemy's OperationalError and IntegrityError.
    """

    def __init__(self, statement: ClauseElement, columns: Sequence[str] | None = None) -> None:
        self._statement: Any = statement
        self._columns = columns
        self._compiled: _Compiled | None = None

    def run(self, connection: Connection, values: Mapping[str, Any]) -> None:
        if connection.dialect.name == "sqlite":
            self._run(connection, values)
        else:
            connection.execute(self._statement, dict(values))

    def changed(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Runs the statement and returns the number of rows that it changed."""
        if connection.dialect.name == "sqlite":
            return self._run(connection, values)[1].rowcount
        return int(connection.execute(self._statement, dict(values)).rowcount)

    def many(self, connection: Connection, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Runs the statement once for each of `rows`: values of the parameters `names`, none of which SQLAlchemy would convert."""
        if not rows:
            return
        if connection.dialect.name != "sqlite":
            connection.execute(self._statement, [dict(zip(names, row, strict=True)) for row in rows])
            return
        compiled = self._prepared(connection)
        order = [names.index(name) for name, _ in compiled.parameters]
        if order != list(range(len(names))):
            rows = [[row[at] for at in order] for row in rows]
        driver: Any = connection.connection.dbapi_connection
        try:
            driver.executemany(compiled.text, rows)
        except sqlite3.Error as error:
            raise _described(compiled.text, error) from error

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """Returns the first row; the statement should yield no more than needed."""
        if connection.dialect.name == "sqlite":
            compiled, cursor = self._run(connection, values)
            row = cursor.fetchone()
            return None if row is None else _converted(compiled, [row])[0]
        return connection.execute(self._statement, dict(values)).first()

    def all(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Returns all rows. Rows may share an equal document: callers must not change one."""
        if connection.dialect.name == "sqlite":
            compiled, cursor = self._run(connection, values)
            return _converted(compiled, cursor.fetchall())
        return connection.execute(self._statement, dict(values)).all()

    def _run(self, connection: Connection, values: Mapping[str, Any]) -> tuple[_Compiled, sqlite3.Cursor]:
        compiled = self._prepared(connection)
        if compiled.own:
            values = {**compiled.own, **values}
        driver: Any = connection.connection.dbapi_connection
        bound = [values[name] if convert is None else convert(values[name]) for name, convert in compiled.parameters]
        try:
            return compiled, driver.execute(compiled.text, bound)
        except sqlite3.Error as error:
            raise _described(compiled.text, error) from error

    def _prepared(self, connection: Connection) -> _Compiled:
        compiled = self._compiled
        if compiled is None:  # two threads may both compile, with the same result
            compiled = self._compiled = _compile(self._statement, self._columns, connection.dialect)
        return compiled


def _described(text: str, error: sqlite3.Error) -> Exception:
    """Returns SQLAlchemy's error for the driver's."""
    for kind, own in ((sqlite3.IntegrityError, IntegrityError), (sqlite3.OperationalError, OperationalError)):
        if isinstance(error, kind):
            return own(text, None, error)
    return error


def _compile(statement: Any, columns: Sequence[str] | None, dialect: Dialect) -> _Compiled:
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    binds = [(name, compiled.binds[name]) for name in compiled.positiontup]
    results: list[tuple[int, Callable[[Any], Any]]] = []
    if isinstance(statement, Select):
        types = (column.type.dialect_impl(dialect) for column in statement.selected_columns)
        converts = [type_.result_processor(dialect, None) for type_ in types]
        results = [(at, convert) for at, convert in enumerate(converts) if convert is not None]
    return _Compiled(
        str(compiled),
        [(name, bind.type.dialect_impl(dialect).bind_processor(dialect)) for name, bind in binds],
        {name: bind.value for name, bind in binds if not bind.required},
        results,
    )


def _converted(compiled: _Compiled, rows: list[tuple[Any, ...]]) -> Sequence[Sequence[Any]]:
    if not compiled.results:
        return rows
    found = [list(row) for row in rows]
    for position, convert in compiled.results:
        known: dict[Any, Any] = {}
        for row in found:
            raw = row[position]
            if raw not in known:
                known[raw] = convert(raw)
            row[position] = known[raw]
    return found
