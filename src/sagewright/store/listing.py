"""Pages of a list by keyset: a page begins after the last position of the previous one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from sqlalchemy import Column, ColumnElement, Select, Table, and_, func, or_, select, tuple_

from sagewright.store.database import Database
from sagewright.store.decoding import size_read

R = TypeVar("R")
MOST_BYTES = 8 << 20
"""Maximum bytes of memory of the rows in a client's page."""
BUFFERED = 10
"""Rows that PostgreSQL's driver reads at a time; at worst they come on top of a page's bytes."""

Condition = ColumnElement[bool]


class Scoped(Protocol):
    """The scope in which names are unique; see store.jobs.jobs.ResourceScope."""

    @property
    def kind(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def region(self) -> str: ...


class Comparison(StrEnum):
    """Comparison operators for list filters."""

    IS = "is"
    AT_LEAST = "at least"
    AT_MOST = "at most"
    CONTAINS = "contains"  # case-insensitive


@dataclass(frozen=True)
class Bound:
    """A filter of a list: a column, an operator, and the value to compare with."""

    column: str
    test: Comparison
    value: Any


@dataclass(frozen=True)
class PageRequest:
    """The rows of a page: those within all bounds, at most `limit`, after the position and after `skip` other rows, and no more
    than the first ones whose documents take `most_bytes` of memory; None for no such limit.

    A position is the sort value and the values of `ties`, columns that distinguish rows with the same sort value.
    """

    bounds: tuple[Bound, ...] = ()
    sort_by: str = "created_ms"
    descending: bool = True
    limit: int = 10
    after: tuple[Any, ...] | None = None
    ties: tuple[str, ...] = ("name",)
    most_bytes: int | None = None
    skip: int = 0


class PageRows(list[R]):
    """The rows of a page. `cut`: True if it ends before its limit because of its bytes."""

    cut = False


@dataclass(frozen=True)
class TableListing:
    """Lists of a table, usually with the columns kind, account, region and name; `make` takes `columns` in order."""

    table: Table
    columns: Sequence[Column[Any]]
    make: Callable[..., Any]

    def page(
        self, store: Database, scope: Scoped | None, requested: PageRequest, *conditions: Condition
    ) -> PageRows[Any]:
        """Returns at most `requested.limit` rows in the requested order that satisfy all conditions. `scope`: None if the
        conditions imply it."""
        own, key = self.table.c, self.table.c[requested.sort_by]
        statement = select(*self.columns).where(*conditions)
        if scope is not None:
            statement = statement.where(
                own.kind == scope.kind, own.account == scope.account, own.region == scope.region
            )
        statement = statement.where(*(self._holds(bound) for bound in requested.bounds))
        ties = [own[name] for name in requested.ties]
        if requested.after is not None:
            value, *at = requested.after
            statement = statement.where(
                key <= value if requested.descending else key >= value
            )  # where the index begins
            beyond = key < value if requested.descending else key > value
            tied = tuple_(*ties) < tuple(at) if requested.descending else tuple_(*ties) > tuple(at)
            statement = statement.where(or_(beyond, and_(key == value, tied)))
        order = [column.desc() if requested.descending else column.asc() for column in (key, *ties)]
        statement = statement.order_by(*order).limit(requested.limit)
        return self._read(store, statement.offset(requested.skip) if requested.skip else statement, requested)

    def _read(self, store: Database, statement: Select[Any], requested: PageRequest) -> PageRows[Any]:
        most = None if requested.most_bytes is None else size_read() + requested.most_bytes
        streamed = most is not None and not store.embedded and requested.limit > BUFFERED
        if streamed:  # otherwise the driver would read all rows at once
            statement = statement.execution_options(stream_results=True, max_row_buffer=BUFFERED)
        with store.read(streamed=streamed) as connection, connection.execute(statement) as rows:
            if most is None:
                return PageRows(self.make(*row) for row in rows)
            found: PageRows[Any] = PageRows()
            for row in rows:
                found.append(self.make(*row))
                if size_read() > most:
                    found.cut = rows.first() is not None
                    break
        return found

    def _holds(self, bound: Bound) -> Condition:
        column: ColumnElement[Any] = self.table.c[bound.column]
        condition: Condition
        match bound.test:
            case Comparison.IS:
                condition = column == bound.value
            case Comparison.AT_LEAST:
                condition = column >= bound.value
            case Comparison.AT_MOST:
                condition = column <= bound.value
            case Comparison.CONTAINS:
                condition = func.lower(column).contains(bound.value.lower(), autoescape=True)
        return condition
