"""Access keys, temporary sessions and roles."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text

from sagewright.store.schema.base import Milliseconds, metadata

access_keys = Table(
    "access_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("secret", String, nullable=False),
    Column("session_token", String),  # null: a long-lived key
    Column("principal_arn", String, nullable=False),
    Column("user_id", String, nullable=False),
    Column("created_ms", Milliseconds, nullable=False),
    Column("expires_ms", Milliseconds),  # null: valid until it is deleted
    Column("job_id", String),  # the job with which these credentials end
    Column("session", Text),  # policies and tags of a session, as JSON
    Column("status", String),  # null: Active
)
Index("ix_access_keys_job_id", access_keys.c.job_id)
Index("ix_access_keys_expires_ms", access_keys.c.expires_ms)
Index("ix_access_keys_of_users", access_keys.c.principal_arn, sqlite_where=access_keys.c.session_token.is_(None))
"""Migration 0021 gives it the same condition on PostgreSQL, whose dialect is not imported to name it here."""

roles = Table(
    "roles",
    metadata,
    Column("account", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("id", String, nullable=False),
    Column("path", String, nullable=False),
    Column("trust_policy", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("max_session_s", Integer, nullable=False),
    Column("created_ms", Milliseconds, nullable=False),
    Column("attached", JSON, nullable=False),  # list of policy ARNs
    Column("inline", JSON, nullable=False),  # policy name -> document
)
