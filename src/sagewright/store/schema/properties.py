"""The index of properties, which Search filters and sorts by, and the queue of pending changes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from sagewright.store.schema.base import Bytewise, Serial, metadata

index_queue = Table(  # triggers fill it in the transaction that changes something (migration 0009)
    "index_queue",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("source", String, nullable=False),  # the table of the changed row, or tags
    Column("ref", String, nullable=False),  # its id there, or the ARN of the tagged resource
)

index_subjects = Table(
    "index_subjects",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("scope", String, nullable=False),  # kind/account/region
    Column("source", String, nullable=False),
    Column("ref", String, nullable=False),
    Column("folded", Bytewise, nullable=False),  # the name in lower case
    UniqueConstraint("source", "ref"),
)
Index("ix_index_subjects_scope", index_subjects.c.scope, index_subjects.c.id)

index_paths = Table(
    "index_paths",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("scope", String, nullable=False),
    Column("path", Bytewise, nullable=False),
    Column("nature", String),  # "time" if the values are times, "name" if they are the subjects' names
    UniqueConstraint("scope", "path"),
)

index_values = Table(
    "index_values",
    metadata,
    Column("subject", BigInteger, primary_key=True, autoincrement=False),
    Column("path", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),  # 0: the value used for ordering
    Column("key", LargeBinary, nullable=False),  # see store.resources.sort_keys
    sqlite_with_rowid=False,
)
Index("ix_index_values_key", index_values.c.path, index_values.c.key, index_values.c.subject, index_values.c.position)

index_grams = Table(
    "index_grams",
    metadata,
    Column("path", BigInteger, primary_key=True, autoincrement=False),
    Column("gram", Bytewise, primary_key=True),  # three characters of a folded name
    Column("subject", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
