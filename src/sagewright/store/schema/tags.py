"""Tags of any resource, by its ARN."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

from sagewright.store.schema.base import Bytewise, metadata

tags = Table(
    "tags",
    metadata,
    Column("arn", String, primary_key=True),
    Column("key", Bytewise, primary_key=True),
    Column("value", String, nullable=False),
    Column("position", Integer, nullable=False),
)
