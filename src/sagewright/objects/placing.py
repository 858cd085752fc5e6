"""Placement of a new version, a delete marker or a deletion in the index: the rules of versioning, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from sagewright.model.clock import now_ms
from sagewright.objects import errors, locks, notices
from sagewright.objects.buckets import ENABLED, OFF
from sagewright.objects.notices import OWN, ChangeCause
from sagewright.objects.versionids import is_issued, new_version_id
from sagewright.store.objects import buckets
from sagewright.store.objects import objects as rows
from sagewright.store.objects.buckets import Bucket
from sagewright.store.objects.objects import NULL_VERSION, Version


@dataclass(frozen=True)
class Properties:
    """Properties stored with an object for its clients; the store does not interpret them."""

    headers: dict[str, Any] = field(default_factory=dict)
    user_metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PutConditions:
    """Conditions on the ETag of the newest version; `if_none_match="*"` requires that there is none.

    `since_ms`: start of the request, if earlier; a put to the key since then is a conflict. `ignores_governance`: for deletions by
    a caller allowed to bypass locks of that mode. `cause`: for the notices of the change.
    """

    if_match: str | None = None
    if_none_match: str | None = None
    since_ms: int | None = None
    ignores_governance: bool = False
    cause: ChangeCause = OWN

    def check(self, key: str, current: Version | None) -> None:
        """Raises PreconditionFailed, ConditionalRequestConflict, or NoSuchKey if there is nothing to match."""
        there = current is not None and not current.delete_marker
        if self.if_none_match is not None and there:
            raise errors.precondition_failed("If-None-Match")
        if self.if_match is not None:
            if not there:
                raise errors.no_such_key(key)
            assert current is not None
            if self.if_match.strip() != "*" and self.if_match.strip().strip('"') != current.etag:
                raise errors.precondition_failed("If-Match")
            if self.since_ms is not None and current.modified_ms > self.since_ms:
                raise errors.conditional_conflict(key, "If-Match")


ALWAYS = PutConditions()


@dataclass(frozen=True)
class Change:
    """`version`: the current one; `freed`: blobs that no row refers to once the transaction is committed."""

    version: Version
    freed: list[str | None] = field(default_factory=list)


def hold_bucket(connection: Connection, name: str) -> Bucket:
    """Returns the bucket, locked against deletion until the transaction ends. Raises NoSuchBucket."""
    bucket = buckets.hold(connection, name)
    if bucket is None:
        raise errors.no_such_bucket(name)
    return bucket


def need_bucket(connection: Connection, name: str) -> Bucket:
    """Returns the current bucket for a read. Raises NoSuchBucket."""
    bucket = buckets.find(connection, name)
    if bucket is None:
        raise errors.no_such_bucket(name)
    return bucket


def place(connection: Connection, new: Version, conditions: PutConditions = ALWAYS) -> Change:
    """Makes `new` the newest version of its key; sets its version, rank and time.

    Raises NoSuchBucket, and the errors of `conditions`.
    """
    bucket = hold_bucket(connection, new.bucket)
    rows.lock_keys(connection, new.bucket, [new.key])
    current = rows.current(connection, new.bucket, new.key)
    conditions.check(new.key, current)
    change = _place(connection, bucket, current, new)
    notices.announce(connection, bucket, change.version, f"ObjectCreated:{conditions.cause.writes}", conditions.cause)
    return change


def _place(connection: Connection, bucket: Bucket, current: Version | None, new: Version) -> Change:
    newest = current.rank if current else None
    name = new_version_id(rows.next_rank(newest)) if bucket.versioning == ENABLED else NULL_VERSION
    new = locks.with_default(bucket, new.but(version=name, latest=True, modified_ms=now_ms()))
    if name != NULL_VERSION or current is None:
        return Change(rows.push(connection, new, newest))
    if current.version == NULL_VERSION:
        return Change(rows.replace(connection, current, new), [current.blob])
    older = rows.find(connection, new.bucket, new.key, NULL_VERSION)
    if older is not None:
        rows.remove(connection, older)
    return Change(rows.push(connection, new, newest), [older.blob] if older else [])


@dataclass(frozen=True)
class Deletion:
    """The result of a deletion. `marker`: the delete marker that was added or removed; `version`: the one removed by id.

    `unknown`: True if the server never assigned that id. `locked`: True if a lock protects that version, which stays.
    """

    key: str
    version: str | None = None
    marker: str | None = None
    freed: list[str | None] = field(default_factory=list)
    unknown: bool = False
    locked: bool = False


def delete(
    connection: Connection, bucket: Bucket, key: str, version: str | None, conditions: PutConditions
) -> Deletion:
    """Adds a delete marker if versioning is on, else removes the object; with `version`, removes that version. A missing object is
    not an error."""
    rows.lock_keys(connection, bucket.name, [key])
    current = rows.current(connection, bucket.name, key)
    conditions.check(key, current)
    if version is not None:
        return _delete_version(connection, bucket, key, version, conditions)
    if bucket.versioning == OFF:
        if current is None:
            if conditions.cause.absent_too:
                absent = Version(bucket.name, key, 0, NULL_VERSION, True, False, None, 0, "", 0)
                _announce(connection, bucket, absent, "Delete", conditions.cause)
            return Deletion(key)
        rows.remove(connection, current)
        _announce(connection, bucket, current, "Delete", conditions.cause)
        return Deletion(key, freed=[current.blob])
    marker = Version(bucket.name, key, 0, "", True, True, None, 0, "", 0)
    change = _place(connection, bucket, current, marker)
    _announce(connection, bucket, change.version, "DeleteMarkerCreated", conditions.cause)
    return Deletion(key, marker=change.version.version, freed=change.freed)


def _announce(connection: Connection, bucket: Bucket, version: Version, act: str, cause: ChangeCause) -> None:
    notices.announce(connection, bucket, version, f"{cause.removes}:{act}", cause)


def _delete_version(
    connection: Connection, bucket: Bucket, key: str, version: str, conditions: PutConditions
) -> Deletion:
    found = rows.find(connection, bucket.name, key, version)
    if found is None:
        return Deletion(key, version=version, unknown=not is_issued(version))
    if locks.protects(found, now_ms(), conditions.ignores_governance):
        return Deletion(key, version=version, locked=True)
    rows.remove(connection, found)
    _announce(connection, bucket, found, "Delete", conditions.cause)
    marker = version if found.delete_marker else None
    return Deletion(key, version=version, marker=marker, freed=[found.blob])
