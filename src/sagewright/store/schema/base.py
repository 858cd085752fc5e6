"""The MetaData of all tables, and the column types they share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData, String

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Milliseconds = BigInteger
"""A point in time: milliseconds since the epoch, UTC."""

Serial = BigInteger().with_variant(Integer(), "sqlite")
"""An integer key that the database increments (SQLite does so only for INTEGER)."""

Bytewise = String().with_variant(String(collation="C"), "postgresql")
"""Text that compares by its UTF-8 bytes on both databases, as S3 keys and list cursors require."""
