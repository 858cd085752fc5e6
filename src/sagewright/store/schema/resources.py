"""Resources that are documents: models and everything else that is created, described, listed and deleted as a whole."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Table, UniqueConstraint

from sagewright.store.schema.base import Bytewise, Milliseconds, metadata

resources = Table(
    "resources",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("name", Bytewise, nullable=False),
    Column("version", Integer, nullable=False),  # 0 for kinds without versions
    Column("parent", String, nullable=False),  # the id of its parent resource, or empty
    Column("status", String, nullable=False),
    Column("created_ms", Milliseconds, nullable=False),
    Column("modified_ms", Milliseconds, nullable=False),
    Column("document", JSON, nullable=False),
    UniqueConstraint("kind", "account", "region", "name", "version"),
)
Index(
    "ix_resources_created",
    resources.c.kind, resources.c.account, resources.c.region, resources.c.created_ms, resources.c.name,
)  # fmt: skip
Index("ix_resources_parent", resources.c.parent, resources.c.created_ms)
Index(  # as that of jobs
    "ix_resources_status",
    resources.c.kind, resources.c.status, resources.c.account, resources.c.region, resources.c.created_ms, resources.c.name,
)  # fmt: skip

version_counters = Table(
    "version_counters",
    metadata,
    Column("resource_id", String, primary_key=True),
    Column("last", Integer, nullable=False),  # the highest version that a child of it has had
)
