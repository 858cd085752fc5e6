"""Objects: put, lookup, copy, tagging and deletion."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects import errors, notices, placing
from sagewright.objects.blobs import checksums
from sagewright.objects.blobs.blobs import Blob, BlobStore
from sagewright.objects.blobs.small import SmallBlobs, is_small
from sagewright.objects.notices import OWN, ChangeCause
from sagewright.objects.placing import ALWAYS, Deletion, Properties, PutConditions
from sagewright.objects.versionids import is_issued
from sagewright.store.database import Database
from sagewright.store.objects import objects as rows
from sagewright.store.objects.objects import Version

VERSION_ID = re.compile(r"null|[A-Za-z0-9._-]{32}")


@dataclass(frozen=True)
class VersionToDelete:
    """A version to delete; `version` None means the newest."""

    key: str
    version: str | None = None


@dataclass(frozen=True)
class Contents:
    """Objects of all buckets. Thread-safe. Raises NoSuchBucket for a missing bucket."""

    store: Database
    blobs: BlobStore
    small: SmallBlobs

    def put(
        self, bucket: str, key: str, blob: Blob, properties: Properties, conditions: PutConditions = ALWAYS
    ) -> Version:
        """Makes a received blob the newest version of `key`: durable once this returns, without effect if it raises."""
        return self.put_version(with_blob(draft(bucket, key, properties), blob), blob, conditions)

    def put_version(self, new: Version, blob: Blob, conditions: PutConditions = ALWAYS) -> Version:
        """Like `put`, with a row built by the caller (ETag, checksums and parts)."""
        with self.store.write(durable=True) as connection:
            change = placing.place(connection, new, conditions)
            if blob.data is not None:
                self.small.add(connection, blob.id, blob.data)
        blob.keep()
        if blob.data is not None:
            self.small.remember(blob.id, blob.data)
        self.blobs.discard(change.freed)
        return change.version

    def find(self, bucket: str, key: str, version: str | None = None) -> Version:
        """Returns the newest or the named version.

        Raises NoSuchKey, NoSuchVersion, InvalidArgument for an id that was never assigned, MethodNotAllowed for a delete marker.
        """
        if version is None:
            found = self.store.recall(rows.subject(bucket, key), "current", lambda: self._read(bucket, key, None))
        else:
            if not VERSION_ID.fullmatch(version):
                raise errors.invalid_version(version)
            found = self._read(bucket, key, version)
        if found is None:
            if version is None:
                raise errors.no_such_key(key)
            raise errors.no_such_version(key, version) if is_issued(version) else errors.invalid_version(version)
        if found.delete_marker:
            raise errors.is_delete_marker(found.version) if version else errors.deleted_key(key, found.version)
        return found

    def _read(self, bucket: str, key: str, version: str | None) -> Version | None:
        """Raises NoSuchBucket."""
        with self.store.read() as connection:
            named = (connection, bucket, key)
            found = rows.current(*named) if version is None else rows.find(*named, version)
            if found is None:
                placing.need_bucket(connection, bucket)
            return found

    def copy(
        self, source: Version, new: Version, algorithms: Sequence[str], conditions: PutConditions = ALWAYS
    ) -> Version:
        """Makes `new`, with the bytes of `source`, the newest version of its key; copies no bytes if possible.

        Only key and properties of `new` are used. It gets the source's checksums, for the whole object even if those are composite,
        unless `algorithms` are requested; S3's default if the source has none and its bytes are read anyway. Raises NoSuchKey if
        the bytes of `source` were deleted meanwhile, InvalidObjectState if they are lost.
        """
        assert source.blob
        whole = {name: value for name, value in source.checksums.items() if "-" not in value}
        counted = algorithms or [name for name in source.checksums if name not in whole and checksums.is_quick(name)]
        counted = counted or (() if source.checksums else checksums.by_default())
        receipt: AbstractContextManager[Blob]
        try:
            if is_small(source.blob):
                data = io.BytesIO(self.small.read(source.blob))
                receipt = self.blobs.take(data, counted)
            elif source.parts or not set(algorithms) <= set(whole):
                receipt = self.blobs.slice(source.blob, 0, source.size, counted)
            else:
                receipt = self.blobs.link(source.blob, source.size, source.etag, whole)
            with receipt as blob:
                made = with_blob(new, blob)
                kept = blob.checksums if algorithms else {**whole, **blob.checksums}
                return self.put_version(made.but(checksums=kept), blob, conditions)
        except FileNotFoundError:
            raise self.missing(source) from None

    def missing(self, version: Version) -> AwsError:
        """Returns the error for a version without its bytes: it was deleted or overwritten meanwhile, or they are lost."""
        with self.store.read() as connection:
            now = rows.find(connection, version.bucket, version.key, version.version)
        is_lost = now is not None and now.blob == version.blob
        return errors.lost(version.key) if is_lost else errors.no_such_key(version.key)

    def delete(self, bucket: str, key: str, version: str | None = None, conditions: PutConditions = ALWAYS) -> Deletion:
        return self.delete_many(bucket, [VersionToDelete(key, version)], conditions)[0]

    def delete_many(
        self, bucket: str, targets: Sequence[VersionToDelete], conditions: PutConditions = ALWAYS
    ) -> list[Deletion]:
        """Deletes all of `targets` in one transaction; returns results in the same order."""
        with self.store.write(durable=True) as connection:
            held = placing.hold_bucket(connection, bucket)
            rows.lock_keys(connection, bucket, {target.key for target in targets})
            done = [placing.delete(connection, held, t.key, t.version, conditions) for t in targets]
        self.blobs.discard([blob for deletion in done for blob in deletion.freed])
        return done

    def change_headers(
        self,
        version: Version,
        change: Callable[[dict[str, Any]], dict[str, Any]],
        events: Sequence[str] = (),
        cause: ChangeCause = OWN,
    ) -> None:
        """Atomically replaces the headers by the result of `change`.

        Raises NoSuchKey for a version deleted meanwhile, and the errors of `change`.
        """
        with self.store.write(durable=True) as connection:
            rows.lock_keys(connection, version.bucket, [version.key])
            there = rows.find(connection, version.bucket, version.key, version.version)
            if there is None:
                raise errors.no_such_key(version.key)
            headers = change(there.headers)
            rows.change(connection, there, {"headers": headers})
            changed = there.but(headers=headers)
            for event in events:
                notices.announce(connection, placing.hold_bucket(connection, version.bucket), changed, event, cause)

    def set_tags(self, version: Version, tags: dict[str, str], cause: ChangeCause = OWN) -> None:
        """Replaces the tags; an empty set is announced as a deletion."""
        with self.store.write(durable=True) as connection:
            bucket = placing.hold_bucket(connection, version.bucket)
            rows.change(connection, version, {"tags": tags})
            notices.announce(connection, bucket, version, f"ObjectTagging:{'Put' if tags else 'Delete'}", cause)


def draft(bucket: str, key: str, properties: Properties) -> Version:
    """Returns a version with only the members known to its creator."""
    return Version(
        bucket=bucket,
        key=key,
        rank=0,
        version="",
        latest=True,
        delete_marker=False,
        blob=None,
        size=0,
        etag="",
        modified_ms=0,
        headers=properties.headers,
        user_metadata=properties.user_metadata,
        tags=properties.tags,
    )


def with_blob(version: Version, blob: Blob) -> Version:
    return version.but(blob=blob.id, size=blob.size, etag=blob.md5, checksums=blob.checksums)
