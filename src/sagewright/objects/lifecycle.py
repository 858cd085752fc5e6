"""Lifecycle rules: deletes, expires or aborts due objects and uploads, page by page.

A page is read without a lock; what is due is checked again in the short transaction that ends it, so that an object that was put
again meanwhile stays.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection

from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.objects import placing, rules
from sagewright.objects.blobs.blobs import BlobStore
from sagewright.objects.buckets import Buckets
from sagewright.objects.listing import ObjectListing
from sagewright.objects.notices import LIFECYCLE
from sagewright.objects.placing import PutConditions
from sagewright.objects.rules import LifecycleRule
from sagewright.objects.uploads import Uploads
from sagewright.store.database import Database
from sagewright.store.objects import buckets as bucket_rows
from sagewright.store.objects import objects as rows
from sagewright.store.objects.objects import Span, Version

log = logging.getLogger("sagewright.objects.lifecycle")
BATCH = 50
"""Number of versions ended per transaction: other writers wait for it."""


@dataclass
class Swept:
    """Counts of the objects and uploads that a sweep ended."""

    objects: int = 0
    versions: int = 0
    markers: int = 0
    uploads: int = 0


@dataclass(frozen=True)
class _Due:
    """`newest`: True to expire it as the newest of its key, False to remove this version permanently."""

    version: Version
    newest: bool


@dataclass
class Lifecycle:
    """One sweep at a time. Safe while others read, write or sweep. `stop` ends a sweep early."""

    store: Database
    blobs: BlobStore
    buckets: Buckets
    listing: ObjectListing
    uploads: Uploads
    clock: Callable[[], int] = now_ms
    stop: threading.Event = field(default_factory=threading.Event)

    def rules(self, bucket: str) -> list[LifecycleRule]:
        """Returns the enabled rules of a bucket. Raises NoSuchBucket."""
        document = self.buckets.get(bucket).configuration.get("lifecycle")
        if document is None:
            return []
        return self.store.recall(bucket_rows.subject(bucket), "rules", lambda: self._read(bucket)) or []

    def _read(self, bucket: str) -> list[LifecycleRule]:
        return rules.read(self.buckets.get(bucket).configuration.get("lifecycle"))

    def sweep(self) -> Swept:
        """Applies the rules of every bucket. A failing bucket is logged, and the others continue."""
        swept = Swept()
        for bucket in self.buckets.all():
            requested = rules.read(bucket.configuration.get("lifecycle"))
            if requested and not self.stop.is_set():
                self._sweep_bucket(bucket.name, requested, swept)
        return swept

    def _sweep_bucket(self, bucket: str, requested: list[LifecycleRule], swept: Swept) -> None:
        now = self.clock()
        try:
            due: list[_Due] = []
            for prefix in _outermost([rule.filter.prefix for rule in requested]):
                for one in self._due(bucket, prefix, requested, now):
                    due.append(one)
                    if len(due) >= BATCH:
                        self._end(bucket, due, swept)
                        due = []
            self._end(bucket, due, swept)
            self._abort_uploads(bucket, requested, now, swept)
        except Exception:
            log.exception("the lifecycle of bucket %s could not be carried out", bucket)

    def _due(self, bucket: str, prefix: str, requested: list[LifecycleRule], now: int) -> Iterator[_Due]:
        newer: Version | None = None  # the version before this one, of the same key
        noncurrent = 0
        marker: Version | None = None  # the newest version, if it is a delete marker that may be alone
        for version in self.listing.all_versions(bucket, prefix):
            if self.stop.is_set():
                return
            same = newer is not None and newer.key == version.key
            if marker is not None and not same and any(rule.ends_lone_marker(marker, now) for rule in requested):
                yield _Due(marker, newest=False)
            marker = None
            if not same:
                noncurrent = 0
                if version.delete_marker:
                    marker = version
                elif any(rule.ends_newest(version, now) for rule in requested):
                    yield _Due(version, newest=True)
            elif newer is not None:
                since = newer.modified_ms
                if any(rule.ends_noncurrent(version, since, noncurrent, now) for rule in requested):
                    yield _Due(version, newest=False)
                noncurrent += 1
            newer = version
        if marker is not None and any(rule.ends_lone_marker(marker, now) for rule in requested):
            yield _Due(marker, newest=False)

    def _end(self, bucket: str, due: list[_Due], swept: Swept) -> None:
        if not due:
            return
        freed: list[str | None] = []
        done = Swept()
        with self.store.write() as connection:
            held = placing.hold_bucket(connection, bucket)
            rows.lock_keys(connection, bucket, {one.version.key for one in due})
            for one in due:
                key, named = one.version.key, one.version.version
                there = rows.find(connection, bucket, key, named)
                if there is None or not _unchanged(there, one.version):
                    continue
                if not one.newest and there.latest and _has_older(connection, there):
                    continue
                deletion = placing.delete(
                    connection, held, key, None if one.newest else named, PutConditions(cause=LIFECYCLE)
                )
                if deletion.locked:
                    continue
                freed += deletion.freed
                done.objects += one.newest
                done.markers += there.delete_marker
                done.versions += not one.newest and not there.delete_marker
        self.blobs.discard(freed)
        swept.objects += done.objects
        swept.versions += done.versions
        swept.markers += done.markers

    def _abort_uploads(self, bucket: str, requested: list[LifecycleRule], now: int, swept: Swept) -> None:
        for upload in self.listing.all_uploads(bucket):
            if not self.stop.is_set() and any(
                rule.ends_upload(upload.key, upload.initiated_ms, now) for rule in requested
            ):
                try:
                    self.uploads.abort(bucket, upload.key, upload.id)
                except AwsError:  # finished or aborted meanwhile
                    continue
                swept.uploads += 1


def _outermost(prefixes: list[str]) -> list[str]:
    """Returns `prefixes` without those that begin with another one."""
    outer: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not outer or not prefix.startswith(outer[-1]):
            outer.append(prefix)
    return outer


def _unchanged(there: Version, seen: Version) -> bool:
    """Returns True if a version has not changed since it was found due: same bytes, time and tags, and still the
    newest or still not."""
    return (there.blob, there.modified_ms, there.tags, there.latest) == (
        seen.blob,
        seen.modified_ms,
        seen.tags,
        seen.latest,
    )


def _has_older(connection: Connection, version: Version) -> bool:
    beyond = rows.scan(connection, version.bucket, Span(version.key, False, None, version.rank), 1)
    return bool(beyond) and beyond[0].key == version.key
