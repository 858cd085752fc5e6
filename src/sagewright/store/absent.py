"""Inserts of rows that another server may insert at the same time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_absent(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Inserts a row; returns False if one with the same unique columns exists.

    A plain INSERT after a SELECT that found nothing fails if two servers do so at once, and on PostgreSQL the whole transaction
    fails with it.
    """
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    key = next(iter(table.primary_key.columns))
    statement = insert(table).values(values).on_conflict_do_nothing().returning(key)
    return connection.execute(statement).first() is not None
