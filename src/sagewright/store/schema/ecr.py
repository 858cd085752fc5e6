"""The container registry: repositories, their manifests and the tags that name them. Layers are files."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, String, Table, Text

from sagewright.store.schema.base import Bytewise, Milliseconds, metadata

ecr_repositories = Table(
    "ecr_repositories",
    metadata,
    Column("name", Bytewise, primary_key=True),
    Column("created_ms", Milliseconds, nullable=False),
    Column("settings", JSON, nullable=False),  # members of ECR's Repository as given
    Column("policy", Text),
    Column("lifecycle", Text),
)

ecr_manifests = Table(
    "ecr_manifests",
    metadata,
    Column("repository", Bytewise, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("media_type", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("size", BigInteger, nullable=False),  # of its layers, in bytes
    Column("layers", JSON, nullable=False),  # digests of all blobs that it needs
    Column("pushed_ms", Milliseconds, nullable=False),
    Column("pulled_ms", Milliseconds),
)

ecr_tags = Table(
    "ecr_tags",
    metadata,
    Column("repository", Bytewise, primary_key=True),
    Column("tag", Bytewise, primary_key=True),
    Column("digest", String, nullable=False),
)
