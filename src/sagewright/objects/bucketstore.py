"""The embedded object store: immutable blobs on disk, indexed in the store."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sagewright.model.clock import now_ms
from sagewright.model.disk_room import ClientRoom
from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings
from sagewright.objects import errors
from sagewright.objects.access import ANY_TYPE, MOST_READ, Access, too_large
from sagewright.objects.blobs import checksums
from sagewright.objects.blobs.assembly import Assemblies
from sagewright.objects.blobs.blobs import TRASH_S, BlobSlice, BlobStore, full_disk_told
from sagewright.objects.blobs.small import SmallBlobs, is_small
from sagewright.objects.buckets import Buckets
from sagewright.objects.contents import Contents
from sagewright.objects.housekeeping import Chore, Housekeeper
from sagewright.objects.lifecycle import Lifecycle
from sagewright.objects.listing import ListingQuery, ObjectListing
from sagewright.objects.placing import Properties
from sagewright.objects.uploads import Uploads
from sagewright.store.database import Database
from sagewright.store.objects import objects as rows
from sagewright.store.objects import uploads as upload_rows
from sagewright.store.objects.objects import Version

READ_ATTEMPTS = 5
FINISHED_UPLOAD_MS = 24 * 3600 * 1000
FORGOTTEN_AT_ONCE = 500
GRACE_S = 3600.0


class BucketStore:
    """Buckets and objects. Thread-safe; every method raises AwsError with S3's codes.

    A put object is durable once the call has returned (see BlobStore for `fsync`). A version that a reader looked up stays readable
    for some seconds after it was overwritten or deleted, and indefinitely once it is open.
    """

    def __init__(
        self, store: Database, root: Path, fsync: str, account: str, region: str, room: ClientRoom | None = None
    ) -> None:
        self.database = store
        self.account, self.region = account, region
        self.small = SmallBlobs(store, root)
        self.blobs = BlobStore(root, fsync, self.small, room)
        self.buckets = Buckets(store, account, region)
        self.contents = Contents(store, self.blobs, self.small)
        self.listing = ObjectListing(store)
        self.uploads = Uploads(store, self.blobs, Assemblies(self.blobs))
        self.lifecycle = Lifecycle(store, self.blobs, self.buckets, self.listing, self.uploads)

    def path(self, version: Version) -> Path:
        """Returns the file with the bytes of a version. Raises NoSuchKey for a delete marker."""
        if version.blob is None:
            raise errors.no_such_key(version.key)
        return Path(self.files([version.blob])[0])

    def there(self, version: Version) -> Path:
        """Returns the `path` of an existing file. Raises InvalidObjectState if it is lost."""
        path = self.path(version)
        if not path.exists():
            raise self.contents.missing(version)
        return path

    def files(self, blobs: Sequence[str]) -> list[str]:
        """Returns the file of each blob, for linking or mapping; writes those of small ones."""
        with full_disk_told():
            self.small.show(blob for blob in blobs if is_small(blob))
        return [self.small.shown(blob) if is_small(blob) else self.blobs.file(blob) for blob in blobs]

    def body(self, version: Version, start: int, length: int) -> BlobSlice | bytes:
        """Returns `length` bytes of a version from `start` on, to be sent; for a small one, the bytes themselves.

        Raises NoSuchKey for a delete marker, InvalidObjectState if the bytes are lost.
        """
        if version.blob is None:
            raise errors.no_such_key(version.key)
        try:
            if is_small(version.blob):
                return self.small.read(version.blob)[start : start + length]
            file = self.blobs.file(version.blob)
            if os.stat(file).st_size >= start + length:  # noqa: PTH116 - a Path costs more than the call
                return BlobSlice(Path(file), start, length)
        except FileNotFoundError:
            pass
        raise self.contents.missing(version)

    def list_keys(self, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
        """Yields (key, size in bytes) of each object under `prefix`, in the order of the keys' UTF-8 bytes."""
        return ((version.key, version.size) for version in self.listing.all_keys(bucket, prefix))

    def exists_any(self, bucket: str, prefix: str) -> bool:
        """Returns True if there is an object under `prefix`. Raises NoSuchBucket."""
        return bool(self.listing.keys(bucket, ListingQuery(prefix, limit=1)).entries)

    def read_bytes(self, bucket: str, key: str, most: int = MOST_READ) -> bytes:
        """See ObjectStore. Raises InvalidObjectState if its bytes are lost."""
        for _ in range(READ_ATTEMPTS):
            try:
                version = self.contents.find(bucket, key)
                assert version.blob
                if version.size > most:
                    raise too_large(bucket, key, version.size, most)
                with self.blobs.open(version.blob) as file:
                    return file.read()
            except FileNotFoundError:  # overwritten between lookup and read
                continue
        raise self.contents.missing(version)

    def content_type(self, bucket: str, key: str) -> str:
        """See ObjectStore."""
        return str(self.contents.find(bucket, key).headers.get("ContentType", ANY_TYPE))

    def modified_ms(self, bucket: str, key: str) -> int:
        """See ObjectStore."""
        return self.contents.find(bucket, key).modified_ms

    def tags(self, bucket: str, key: str, version: str | None) -> dict[str, str]:
        try:
            return dict(self.contents.find(bucket, key, version).tags)
        except AwsError:
            return {}

    def upload_headers(self, bucket: str, key: str, upload_id: str) -> dict[str, Any]:
        try:
            return dict(self.uploads.find(bucket, key, upload_id).headers)
        except AwsError:
            return {}

    def write_bytes(self, bucket: str, key: str, data: bytes, content_type: str = ANY_TYPE) -> Version:
        """Puts an object from memory."""
        with self.blobs.take(io.BytesIO(data), checksums.by_default()) as blob:
            return self.contents.put(bucket, key, blob, Properties({"ContentType": content_type}))

    def make_bucket(self, bucket: str) -> None:
        """See ObjectStore."""
        try:
            self.buckets.create(bucket)
        except AwsError as error:
            if error.code != "BucketAlreadyOwnedByYou":
                raise

    def access(self, own: Access) -> Access:
        """Returns `own`: agents use the server's port."""
        return own

    def housekeeper(self, settings: Settings) -> Housekeeper:
        """Returns the tasks that remove unneeded files and apply the lifecycle rules of buckets."""
        chores = [
            Chore("collecting files", max(1, settings.collect_interval_s), self.collect),
            Chore("discarding files", TRASH_S, self.blobs.empty_trash),
            Chore("the lifecycle of buckets", max(1, settings.lifecycle_interval_s), self.lifecycle.sweep),
        ]
        return Housekeeper(chores, self.lifecycle.stop)

    def collect(self, grace_s: float = GRACE_S, rest_s: float = TRASH_S) -> int:
        """Removes unneeded files and bytes in rows, files only if untouched for `grace_s` seconds; returns their number.

        Safe while others write. Only needed after a crash, and harmless at any other time. What is found stays for `rest_s` more
        seconds, for readers of other processes that looked up a row just before its deletion.
        """
        self._forget_uploads()
        found = list(self.orphans(grace_s))
        unneeded = set(self.small.unneeded())
        rows = sorted(unneeded - self.blobs.in_use(unneeded))
        if (found or rows) and self.lifecycle.stop.wait(rest_s):
            return 0
        for path in found:
            path.unlink(missing_ok=True)
        if rows:
            self.small.remove(rows)
        self.small.tidy()
        return len(found) + len(rows)

    def _forget_uploads(self) -> None:
        before_ms, forgotten = now_ms() - FINISHED_UPLOAD_MS, FORGOTTEN_AT_ONCE
        while forgotten == FORGOTTEN_AT_ONCE and not self.lifecycle.stop.is_set():
            with self.database.write() as connection:
                forgotten = upload_rows.forget_finished(connection, before_ms, FORGOTTEN_AT_ONCE)

    def orphans(self, grace_s: float = GRACE_S) -> Iterator[Path]:
        """Yields files that no row refers to, that this process neither writes nor has discarded, and that are older than `grace_s`
        seconds."""
        return self.blobs.orphans(self._referenced, grace_s)

    def _referenced(self, blobs: list[str]) -> set[str]:
        with self.database.read() as connection:
            return rows.referenced(connection, blobs)
