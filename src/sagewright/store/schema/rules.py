"""What rules make of events: how far the log was read, what targets have yet to be sent, and what is to be deployed."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table, Text

from sagewright.store.schema.base import Milliseconds, Serial, metadata

cursors = Table(
    "cursors",
    metadata,
    Column("name", String, primary_key=True),  # of what reads the log, or of a schedule
    Column("writer", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),  # of a schedule: when it was last due, in milliseconds
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("target", String, nullable=False),  # the rule's id and the target's, with a slash between them
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
    Column("package", String, nullable=False),  # the ARN of the version that the endpoint is to serve
    Column("asked_ms", Milliseconds, nullable=False),
    Column("asked_by", String, nullable=False, server_default=""),  # the ARN of who approved or rejected
    Column("status", String, nullable=False),
    Column("message", Text, nullable=False, server_default=""),
    Column("deployed", String, nullable=False, server_default=""),  # the version that it serves, as far as is known
    Column("updated", String, nullable=False, server_default=""),  # the configuration that an update was last asked for
    Column("due_ms", Milliseconds, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("owner", String),
    Column("until_ms", Milliseconds, nullable=False, server_default="0"),
)
Index("ix_deployments_status", deployments.c.status, deployments.c.due_ms)
