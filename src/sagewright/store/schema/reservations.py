"""Reservations of the machines by jobs, the limits and turns of those who share them, and the servers that share the store."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Index, Integer, String, Table

from sagewright.store.schema.base import Milliseconds, metadata

reservations = Table(
    "reservations",
    metadata,
    Column("job_id", String, primary_key=True),
    Column("machine", String, nullable=False),
    Column("cpus", Integer, nullable=False),
    Column("memory_gb", Integer, nullable=False),
    Column("gpus", Integer, nullable=False),
    Column("gpu_indexes", JSON, nullable=False),
    Column("placed_ms", Milliseconds, nullable=False, server_default="0"),
)
Index("ix_reservations_machine", reservations.c.machine)

quota_limits = Table(
    "quota_limits",
    metadata,
    Column("account", String, primary_key=True),
    Column("subject", String, primary_key=True),  # user/NAME, role/NAME, or empty for the account
    Column("quota", String, primary_key=True),  # its code
    Column("value", Float, nullable=False),
    Column("set_ms", Milliseconds, nullable=False),
)

queue_turns = Table(
    "queue_turns",
    metadata,
    Column("machine", String, primary_key=True),
    Column("owner", String, primary_key=True),
    Column("start", Float, nullable=False),  # of the last job that began, in the queue's own time
    Column("finish", Float, nullable=False),
)

servers = Table(
    "servers",
    metadata,
    Column("id", String, primary_key=True),
    Column("endpoint", String, nullable=False),
    Column("seen_ms", Milliseconds, nullable=False),
)
