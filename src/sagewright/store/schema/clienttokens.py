"""Tokens by which clients mark repeated requests."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, String, Table

from sagewright.store.schema.base import Milliseconds, metadata

client_tokens = Table(
    "client_tokens",
    metadata,
    Column("scope", String, primary_key=True),  # account/region/operation
    Column("token", String, primary_key=True),
    Column("fingerprint", String, nullable=False),  # of the request
    Column("answer", JSON, nullable=False),
    Column("at_ms", Milliseconds, nullable=False),
)
Index("ix_client_tokens_at_ms", client_tokens.c.at_ms)
