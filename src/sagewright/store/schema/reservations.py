"""Reservations of the machines by jobs, and the servers that share the store."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Table

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
)
Index("ix_reservations_machine", reservations.c.machine)

servers = Table(
    "servers",
    metadata,
    Column("id", String, primary_key=True),
    Column("endpoint", String, nullable=False),
    Column("seen_ms", Milliseconds, nullable=False),
)
