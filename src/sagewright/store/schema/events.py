"""The event log: what happened to jobs and other resources, append-only."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, String, Table, Text

from sagewright.store.schema.base import Milliseconds, Serial, metadata

events = Table(
    "events",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("subject_id", String, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),
    Column("status", String, nullable=False),
    Column("step", String, nullable=False),
    Column("message", Text, nullable=False),
    Column("detail", JSON),
    Column("principal", String, nullable=False, server_default=""),  # the ARN of the caller; "" for the engine
    # The transaction's number on PostgreSQL, by a default that its migration sets; SQLite has one writer at a time.
    Column("writer", BigInteger, nullable=False, server_default="0"),
)
Index("ix_events_subject", events.c.subject_id, events.c.seq)
Index("ix_events_writer", events.c.writer, events.c.seq)
