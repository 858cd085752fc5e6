"""Statements that are run as they are: SQLAlchemy takes several times as long around one as SQLite takes to run it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.sql import ClauseElement

Convert = Callable[[Any], Any] | None


class Prepared:
    """A statement that is compiled once. `columns`: those that an insert or update is executed with.

    On SQLite it goes past SQLAlchemy to the driver, with the values converted as SQLAlchemy would; on PostgreSQL it does not.
    Raises SQLAlchemy's OperationalError and IntegrityError.
    """

    def __init__(self, statement: ClauseElement, columns: Sequence[str] | None = None) -> None:
        self._statement: Any = statement
        self._columns = columns
        self._text = ""
        self._fixed: dict[str, Any] = {}
        self._parameters: list[tuple[str, Convert]] = []
        self._results: list[tuple[int, Callable[[Any], Any]]] = []

    def run(self, connection: Connection, values: Mapping[str, Any]) -> None:
        if connection.dialect.name == "sqlite":
            self._cursor(connection, values)
        else:
            connection.execute(self._statement, dict(values))

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """The first row; there should be no more of them than one needs."""
        if connection.dialect.name == "sqlite":
            row = self._cursor(connection, values).fetchone()
            return None if row is None else self._converted([row])[0]
        return connection.execute(self._statement, dict(values)).first()

    def all(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Rows may share a document that is the same in them: nobody is to change one."""
        if connection.dialect.name == "sqlite":
            return self._converted(self._cursor(connection, values).fetchall())
        return connection.execute(self._statement, dict(values)).all()

    def _cursor(self, connection: Connection, values: Mapping[str, Any]) -> sqlite3.Cursor:
        if not self._text:
            self._compile(connection.dialect)
        if self._fixed:
            values = {**self._fixed, **values}
        driver: Any = connection.connection.dbapi_connection
        try:
            bound = [values[name] if convert is None else convert(values[name]) for name, convert in self._parameters]
            cursor: sqlite3.Cursor = driver.execute(self._text, bound)
        except sqlite3.IntegrityError as error:
            raise IntegrityError(self._text, None, error) from error
        except sqlite3.OperationalError as error:
            raise OperationalError(self._text, None, error) from error
        return cursor

    def _converted(self, rows: list[tuple[Any, ...]]) -> Sequence[Sequence[Any]]:
        if not self._results:
            return rows
        found = [list(row) for row in rows]
        for position, convert in self._results:
            known: dict[Any, Any] = {}
            for row in found:
                raw = row[position]
                if raw not in known:
                    known[raw] = convert(raw)
                row[position] = known[raw]
        return found

    def _compile(self, dialect: Dialect) -> None:
        compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
        for name in compiled.positiontup:
            bound = compiled.binds[name]
            self._parameters.append((name, bound.type.dialect_impl(dialect).bind_processor(dialect)))
            if not bound.required:
                self._fixed[name] = bound.value
        if isinstance(self._statement, Select):
            types = (column.type.dialect_impl(dialect) for column in self._statement.selected_columns)
            converts = [type_.result_processor(dialect, None) for type_ in types]
            self._results = [(at, convert) for at, convert in enumerate(converts) if convert is not None]
        self._text = str(compiled)
