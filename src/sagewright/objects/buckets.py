"""Buckets: creation, listing, configuration and deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError

from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.objects import errors, locks
from sagewright.store.database import Database
from sagewright.store.objects import buckets as rows
from sagewright.store.objects import uploads
from sagewright.store.objects.buckets import Bucket

PAGE = 500
OFF, ENABLED, SUSPENDED = "Off", "Enabled", "Suspended"


@dataclass(frozen=True)
class Buckets:
    """Buckets. Thread-safe. Methods raise NoSuchBucket for a missing one."""

    store: Database
    account: str
    region: str

    def create(self, name: str, region: str = "", configuration: dict[str, Any] | None = None) -> Bucket:
        """Creates a bucket; one with locks is versioned. Raises BucketAlreadyOwnedByYou or BucketAlreadyExists."""
        documents = configuration or {}
        versioning = ENABLED if locks.KIND in documents else OFF
        bucket = Bucket(name, self.account, region or self.region, now_ms(), versioning, documents)
        try:
            with self.store.write(durable=True) as connection:
                taken = rows.find(connection, name)
                if taken is None:
                    rows.add(connection, bucket)
        except IntegrityError:  # another server was faster
            taken = self.get(name)
        if taken is not None:
            raise self._taken(taken)
        return bucket

    def _taken(self, bucket: Bucket) -> AwsError:
        fields = {"BucketName": bucket.name}
        if bucket.account == self.account:
            message = "Your previous request to create the named bucket succeeded and you already own it."
            return AwsError("BucketAlreadyOwnedByYou", message, 409, fields)
        message = (
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
            "Please select a different name and try again."
        )
        return AwsError("BucketAlreadyExists", message, 409, fields)

    def get(self, name: str) -> Bucket:
        def read() -> Bucket | None:
            with self.store.read() as connection:
                return rows.find(connection, name)

        bucket = self.store.recall(rows.subject(name), "row", read)
        if bucket is None:
            raise errors.no_such_bucket(name)
        return bucket

    def page(self, prefix: str = "", after: str = "", limit: int = 10_000) -> list[Bucket]:
        """Returns at most `limit` buckets by name, starting after the name `after`."""
        with self.store.read() as connection:
            return rows.page(connection, prefix, after, limit)

    def all(self) -> Iterator[Bucket]:
        """Yields every bucket by name, reading incrementally."""
        after = ""
        while page := self.page(after=after, limit=PAGE):
            yield from page
            after = page[-1].name

    def delete(self, name: str) -> dict[str, list[str]]:
        """Deletes a bucket; returns the uploads that it aborted, and their blobs. Raises BucketNotEmpty."""
        with self.store.write(durable=True) as connection:
            bucket = rows.lock(connection, name)
            if bucket is None:
                raise errors.no_such_bucket(name)
            if not rows.is_empty(connection, name):
                message = "The bucket you tried to delete is not empty"
                if bucket.versioning != OFF:
                    message += ". You must delete all versions in the bucket."
                raise AwsError("BucketNotEmpty", message, 409, {"BucketName": name})
            ended = {upload: uploads.remove(connection, upload) for upload in uploads.unfinished(connection, name)}
            rows.remove(connection, name)
        return ended

    def set_versioning(self, name: str, state: str) -> None:
        """`state`: Enabled or Suspended. Raises InvalidBucketState for suspending a bucket with locks."""
        with self.store.write(durable=True) as connection:
            bucket = rows.lock(connection, name)
            if bucket is None:
                raise errors.no_such_bucket(name)
            if locks.KIND in bucket.configuration and state != ENABLED:
                raise locks.wrong_state(
                    "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
                )
            rows.change(connection, name, {"versioning": state})

    def set_locks(self, name: str, document: dict[str, Any]) -> None:
        """Enables object lock permanently. Raises InvalidBucketState for an unversioned bucket."""
        with self.store.write(durable=True) as connection:
            bucket = rows.lock(connection, name)
            if bucket is None:
                raise errors.no_such_bucket(name)
            if bucket.versioning != ENABLED:
                raise locks.wrong_state(
                    "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
                )
            rows.change(connection, name, {"configuration": {**bucket.configuration, locks.KIND: document}})

    def configure(self, name: str, kind: str, document: dict[str, Any] | None) -> None:
        """Stores a configuration document, or removes it (None)."""
        self.reconfigure(name, kind, lambda _: document)

    def reconfigure(
        self, name: str, kind: str, change: Callable[[dict[str, Any] | None], dict[str, Any] | None]
    ) -> None:
        """Atomically replaces the document by the result of `change`; raises its errors."""
        with self.store.write(durable=True) as connection:
            bucket = rows.lock(connection, name)
            if bucket is None:
                raise errors.no_such_bucket(name)
            documents = {k: v for k, v in bucket.configuration.items() if k != kind}
            document = change(bucket.configuration.get(kind))
            if document is not None:
                documents[kind] = document
            rows.change(connection, name, {"configuration": documents})
