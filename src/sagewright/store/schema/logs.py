"""CloudWatch Logs: groups, streams and their events."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, UniqueConstraint

from sagewright.store.schema.base import Bytewise, Milliseconds, Serial, metadata

log_groups = Table(
    "log_groups",
    metadata,
    Column("account", String, primary_key=True),
    Column("region", String, primary_key=True),
    Column("name", Bytewise, primary_key=True),
    Column("created_ms", Milliseconds, nullable=False),
    Column("retention_days", Integer),
)

log_streams = Table(
    "log_streams",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("group_name", Bytewise, nullable=False),
    Column("name", Bytewise, nullable=False),
    Column("created_ms", Milliseconds, nullable=False),
    Column("first_ms", Milliseconds),
    Column("last_ms", Milliseconds),
    Column("ingested_ms", Milliseconds),
    Column("next_seq", BigInteger, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    UniqueConstraint("account", "region", "group_name", "name"),
)

log_events = Table(
    "log_events",
    metadata,
    Column("stream_id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False),
    Column("seq", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False),
    Column("at_ms", Milliseconds, nullable=False),
    Column("ingested_ms", Milliseconds, nullable=False),
    Column("message", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_log_events_at", log_events.c.stream_id, log_events.c.at_ms, log_events.c.seq)
