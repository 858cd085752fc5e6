"""Rows of multipart uploads and their parts. All functions take the connection of the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from sagewright.store.schema.objects import upload_parts, uploads


@dataclass(frozen=True)
class Upload:
    """A multipart upload. `version` and `finished_ms` are set once it has become an object."""

    id: str
    bucket: str
    key: str
    initiated_ms: int
    headers: dict[str, Any]
    user_metadata: dict[str, str]
    tags: dict[str, str]
    checksum_algorithm: str | None
    checksum_type: str | None
    version: str | None = None
    finished_ms: int | None = None


@dataclass(frozen=True)
class UploadPart:
    """`number` is 1 to 10000; `etag` is the hexadecimal MD5 of its bytes, which begin at `start` in the file of `blob`."""

    upload_id: str
    number: int
    blob: str
    size: int
    etag: str
    modified_ms: int
    checksums: dict[str, str]
    start: int = 0


_SELECT = select(*[uploads.c[name] for name in Upload.__dataclass_fields__])
_SELECT_PART = select(*[upload_parts.c[name] for name in UploadPart.__dataclass_fields__])


def add(connection: Connection, upload: Upload) -> None:
    connection.execute(insert(uploads).values(**vars(upload)))


def find(connection: Connection, upload_id: str) -> Upload | None:
    row = connection.execute(_SELECT.where(uploads.c.id == upload_id)).first()
    return Upload(*row) if row else None


def lock(connection: Connection, upload_id: str) -> Upload | None:
    """Runs `find`, for a transaction that changes the upload or its parts."""
    row = connection.execute(_SELECT.where(uploads.c.id == upload_id).with_for_update()).first()
    return Upload(*row) if row else None


def finish(connection: Connection, upload_id: str, version: str, at_ms: int) -> list[str]:
    """Records the object that the upload became and deletes its parts; returns their blobs."""
    connection.execute(update(uploads).where(uploads.c.id == upload_id).values(version=version, finished_ms=at_ms))
    return _remove_parts(connection, upload_id)


def unfinished(connection: Connection, bucket: str) -> list[str]:
    """Returns the ids of a bucket's unfinished uploads."""
    where = (uploads.c.bucket == bucket, uploads.c.finished_ms.is_(None))
    return list(connection.execute(select(uploads.c.id).where(*where)).scalars())


def remove(connection: Connection, upload_id: str) -> list[str]:
    """Deletes the upload and its parts; returns their blobs."""
    connection.execute(delete(uploads).where(uploads.c.id == upload_id))
    return _remove_parts(connection, upload_id)


def _remove_parts(connection: Connection, upload_id: str) -> list[str]:
    where = upload_parts.c.upload_id == upload_id
    blobs = list(connection.execute(select(upload_parts.c.blob).where(where).distinct()).scalars())
    connection.execute(delete(upload_parts).where(where))
    return blobs


def forget_finished(connection: Connection, before_ms: int, most: int) -> int:
    """Deletes at most `most` uploads finished before `before_ms`; returns how many."""
    old = list(connection.execute(select(uploads.c.id).where(uploads.c.finished_ms < before_ms).limit(most)).scalars())
    connection.execute(delete(uploads).where(uploads.c.id.in_(old)))
    return len(old)


def put_part(connection: Connection, part: UploadPart) -> str | None:
    """Adds or replaces a part; returns the blob of the replaced one, if no other part uses it."""
    where = (upload_parts.c.upload_id == part.upload_id, upload_parts.c.number == part.number)
    replaced = connection.execute(select(upload_parts.c.blob).where(*where)).scalar()
    if replaced is not None:
        connection.execute(delete(upload_parts).where(*where))
    connection.execute(insert(upload_parts).values(**vars(part)))
    if replaced is None:
        return None
    others = select(upload_parts.c.number).where(upload_parts.c.blob == replaced).limit(1)
    return None if connection.execute(others).first() else replaced


def parts(connection: Connection, upload_id: str, after: int = 0, limit: int = 10_000) -> list[UploadPart]:
    """Returns parts in the order of their numbers, beginning after the number `after`."""
    statement = _SELECT_PART.where(upload_parts.c.upload_id == upload_id, upload_parts.c.number > after)
    return [UploadPart(*row) for row in connection.execute(statement.order_by(upload_parts.c.number).limit(limit))]


@dataclass(frozen=True)
class UploadCursor:
    """A position in a list of uploads: after the upload `id` of `key`, or after all of `key` if `id` is empty."""

    key: str = ""
    id: str = ""


def page(connection: Connection, bucket: str, end: str | None, after: UploadCursor, limit: int) -> list[Upload]:
    """Returns unfinished uploads by key, those of one key by age; keys up to but excluding `end` (None: open)."""
    beyond = uploads.c.key > after.key
    if after.id:
        beyond = or_(beyond, and_(uploads.c.key == after.key, uploads.c.id > after.id))
    statement = _SELECT.where(uploads.c.bucket == bucket, uploads.c.finished_ms.is_(None), beyond)
    if end is not None:
        statement = statement.where(uploads.c.key < end)
    return [Upload(*row) for row in connection.execute(statement.order_by(uploads.c.key, uploads.c.id).limit(limit))]
