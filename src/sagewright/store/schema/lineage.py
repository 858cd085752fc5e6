"""Lineage: the sources of entities, and the associations between them, indexed by both ends."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, UniqueConstraint

from sagewright.store.schema.base import Bytewise, Milliseconds, Serial, metadata

lineage_entities = Table(
    "lineage_entities",
    metadata,
    Column("entity", String, primary_key=True),  # the id of a resource: an artifact, an action or a context
    Column("kind", String, nullable=False),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("source", String, nullable=False),  # SHA-256 of its SourceUri
    Column("type", Bytewise, nullable=False),
)
Index(
    "ix_lineage_entities_source",
    lineage_entities.c.kind, lineage_entities.c.account, lineage_entities.c.region, lineage_entities.c.source,
)  # fmt: skip
Index(
    "ix_lineage_entities_type",
    lineage_entities.c.kind, lineage_entities.c.account, lineage_entities.c.region, lineage_entities.c.type,
)  # fmt: skip

lineage_associations = Table(
    "lineage_associations",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("source", String, nullable=False),  # ids of resources
    Column("destination", String, nullable=False),
    Column("source_arn", Bytewise, nullable=False),
    Column("destination_arn", Bytewise, nullable=False),
    Column("source_type", Bytewise, nullable=False),
    Column("destination_type", Bytewise, nullable=False),
    Column("type", String, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),
    Column("principal", String, nullable=False),  # the ARN of the creator; empty for the server
    UniqueConstraint("source", "destination"),
)
Index("ix_lineage_associations_destination", lineage_associations.c.destination, lineage_associations.c.source)
Index(
    "ix_lineage_associations_created",
    lineage_associations.c.account, lineage_associations.c.region, lineage_associations.c.at_ms,
    lineage_associations.c.id,
)  # fmt: skip
