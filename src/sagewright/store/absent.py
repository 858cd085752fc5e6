"""Inserts of rows that another server may insert at the same time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table


def insert_of(dialect: str) -> Any:
    """Returns the database's own `insert`, which has ON CONFLICT. PostgreSQL's takes long to import, so only its users do."""
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert
    from sqlalchemy.dialects import postgresql

    return postgresql.insert


def insert_absent(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Inserts a row; returns False if one with the same unique columns exists.

    A plain INSERT after a SELECT that found nothing fails if two servers do so at once, and on PostgreSQL the whole transaction
    fails with it.
    """
    insert = insert_of(connection.dialect.name)
    key = next(iter(table.primary_key.columns))
    statement = insert(table).values(values).on_conflict_do_nothing().returning(key)
    return connection.execute(statement).first() is not None
