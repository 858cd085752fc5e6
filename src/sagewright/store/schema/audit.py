"""The audit trail: who did what, and the resources that it was about. Ids begin with the time, so they sort by it."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table, Text

from sagewright.store.schema.base import Bytewise, metadata

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", Bytewise, primary_key=True),
    Column("region", String, nullable=False),
    Column("source", String, nullable=False),
    Column("name", String, nullable=False),
    Column("username", String, nullable=False),
    Column("access_key", String, nullable=False),
    Column("reads", Integer, nullable=False),
    Column("error", String, nullable=False),
    Column("record", Text, nullable=False),  # in CloudTrail's form
)
Index("ix_audit_events_name", audit_events.c.name, audit_events.c.id)
Index("ix_audit_events_username", audit_events.c.username, audit_events.c.id)
Index("ix_audit_events_access_key", audit_events.c.access_key, audit_events.c.id)

audit_resources = Table(
    "audit_resources",
    metadata,
    Column("event_id", Bytewise, primary_key=True),
    Column("arn", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("type", String, nullable=False),
)
Index("ix_audit_resources_name", audit_resources.c.name, audit_resources.c.event_id)
