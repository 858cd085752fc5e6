"""The key that seals secrets in other rows, wrapped by master keys that are in no row."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, Table

from sagewright.store.schema.base import Milliseconds, metadata

data_keys = Table(
    "data_keys",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("created_ms", Milliseconds, nullable=False),
    Column("wraps", JSON, nullable=False),  # the wrapped key by the id of each master key that opens it
    Column("rows_sealed_ms", Milliseconds),  # null: rows of earlier releases may still contain secrets as plain text
)
