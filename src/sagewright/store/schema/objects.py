"""Buckets, the index of their objects and unfinished uploads; the bytes are blobs, see sagewright.objects."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table

from sagewright.store.schema.base import Bytewise, Milliseconds, metadata

buckets = Table(
    "buckets",
    metadata,
    Column("name", Bytewise, primary_key=True),
    Column("account", String, nullable=False),
    Column("region", String, nullable=False),
    Column("created_ms", Milliseconds, nullable=False),
    Column("versioning", String, nullable=False),  # Off, Enabled, Suspended
    Column("configuration", JSON, nullable=False),  # kind -> document
)

objects = Table(
    "objects",
    metadata,
    Column("bucket", Bytewise, primary_key=True),
    Column("key", Bytewise, primary_key=True),
    # Counts down from -1, so that a key's newest version comes first in the order of the primary key.
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("version", String, nullable=False),  # "null" for a version put without versioning
    Column("latest", Boolean, nullable=False),
    Column("delete_marker", Boolean, nullable=False),
    Column("blob", String),  # null for a delete marker
    Column("size", BigInteger, nullable=False),
    Column("etag", String, nullable=False),  # without quotes
    Column("modified_ms", Milliseconds, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("user_metadata", JSON, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("checksums", JSON, nullable=False),
    Column("parts", JSON, nullable=False),  # [{number, size, checksums}] of a multipart upload, otherwise []
    sqlite_with_rowid=False,
)
Index("ix_objects_blob", objects.c.blob)

small_blobs = Table(
    "small_blobs",
    metadata,
    Column("id", String, primary_key=True),  # the `blob` of the only object with these bytes
    Column("data", LargeBinary, nullable=False),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String, primary_key=True),
    Column("bucket", Bytewise, nullable=False),
    Column("key", Bytewise, nullable=False),
    Column("initiated_ms", Milliseconds, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("user_metadata", JSON, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("checksum_algorithm", String),
    Column("checksum_type", String),  # COMPOSITE, FULL_OBJECT
    # The resulting version. A finished upload is kept for a while, since its completion may be requested again.
    Column("version", String),
    Column("finished_ms", Milliseconds),
)
Index("ix_uploads_key", uploads.c.bucket, uploads.c.key, uploads.c.id)

upload_parts = Table(
    "upload_parts",
    metadata,
    Column("upload_id", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("blob", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("etag", String, nullable=False),
    Column("modified_ms", Milliseconds, nullable=False),
    Column("checksums", JSON, nullable=False),
    Column("start", BigInteger, nullable=False, server_default="0"),  # its offset in its blob
)
Index("ix_upload_parts_blob", upload_parts.c.blob)
