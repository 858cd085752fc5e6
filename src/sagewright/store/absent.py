"""Rows that are inserted unless another server has inserted the same meanwhile."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_absent(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert a row; False where one with the same unique columns is there.

    A plain INSERT after a SELECT that found nothing fails where two servers do so at once, and on PostgreSQL the whole transaction
    fails with it.
    """
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    key = next(iter(table.primary_key.columns))
    statement = insert(table).values(values).on_conflict_do_nothing().returning(key)
    return connection.execute(statement).first() is not None
