"""Rules: cursors of the log, pending deliveries to targets, and deployments."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table, Text

from sagewright.store.schema.base import Milliseconds, Serial, metadata

cursors = Table(
    "cursors",
    metadata,
    Column("name", String, primary_key=True),  # name of the log's reader, or of a schedule
    Column("writer", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),  # for a schedule: when it was last due, in milliseconds
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("target", String, nullable=False),  # the rule's id and the target's, separated by a slash
    Column("event", JSON, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),
    Column("due_ms", Milliseconds, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("owner", String),  # the server that sends it now
    Column("until_ms", Milliseconds, nullable=False, server_default="0"),
)
Index("ix_deliveries_target", deliveries.c.target, deliveries.c.id)

deployments = Table(
    "deployments",
    metadata,
    Column("target", String, primary_key=True),
    Column("package", String, nullable=False),  # the ARN of the desired version
    Column("asked_ms", Milliseconds, nullable=False),
    Column("asked_by", String, nullable=False, server_default=""),  # the ARN of the principal that approved or rejected
    Column("status", String, nullable=False),
    Column("message", Text, nullable=False, server_default=""),
    Column("deployed", String, nullable=False, server_default=""),  # the version that it serves, if known
    Column("updated", String, nullable=False, server_default=""),  # the configuration last requested by an update
    Column("due_ms", Milliseconds, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("owner", String),
    Column("until_ms", Milliseconds, nullable=False, server_default="0"),
)
Index("ix_deployments_status", deployments.c.status, deployments.c.due_ms)
