"""Multipart uploads: parts in any order, joined into one object by the completion."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sagewright.model.clock import now_ms
from sagewright.objects import checksums, errors, placing
from sagewright.objects.blobs import Blob, BlobStore
from sagewright.objects.contents import draft, with_blob
from sagewright.objects.placing import ALWAYS, Conditions, Properties
from sagewright.store import objects as version_rows
from sagewright.store import uploads as rows
from sagewright.store.database import Database
from sagewright.store.objects import Version
from sagewright.store.uploads import Part, Upload

LEAST_PART = 5 * 1024 * 1024
MOST_PARTS = 10_000
COMPOSITE, FULL_OBJECT = "COMPOSITE", "FULL_OBJECT"


@dataclass(frozen=True)
class Chosen:
    """A part that the completion names: its number, its ETag and any checksums its sender kept."""

    number: int
    etag: str
    checksums: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """What the sender says the whole is; None and {} where nothing was said."""

    size: int | None = None
    checksums: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Uploads:
    """Safe to use from many threads. What takes an upload id raises NoSuchUpload where it is none of that key."""

    store: Database
    blobs: BlobStore

    def create(
        self, bucket: str, key: str, properties: Properties, algorithm: str | None = None, kind: str | None = None
    ) -> Upload:
        """`algorithm`: a checksum that every part gets. `kind`: COMPOSITE or FULL_OBJECT, by default what S3 takes."""
        if algorithm and kind is None:
            kind = FULL_OBJECT if algorithm in checksums.FULL_OBJECT_ONLY else COMPOSITE
        upload = Upload(
            id=f"{time.time_ns():016x}{uuid.uuid4().hex}",
            bucket=bucket,
            key=key,
            initiated_ms=now_ms(),
            headers=properties.headers,
            user_metadata=properties.user_metadata,
            tags=properties.tags,
            checksum_algorithm=algorithm,
            checksum_type=kind if algorithm else None,
        )
        with self.store.write(durable=True) as connection:
            placing.hold_bucket(connection, bucket)
            rows.add(connection, upload)
        return upload

    def find(self, bucket: str, key: str, upload_id: str) -> Upload:
        """An upload that is not finished."""
        with self.store.read() as connection:
            placing.need_bucket(connection, bucket)
            return _checked(rows.find(connection, upload_id), bucket, key, upload_id)

    def put_part(self, upload: Upload, number: int, blob: Blob) -> Part:
        """Add or replace the part `number`."""
        part = Part(upload.id, number, blob.id, blob.size, blob.md5, now_ms(), blob.checksums)
        with self.store.write(durable=True) as connection:
            _checked(rows.lock(connection, upload.id), upload.bucket, upload.key, upload.id)
            replaced = rows.put_part(connection, part)
        blob.keep()
        self.blobs.discard([replaced])
        return part

    def parts(self, upload: Upload, after: int = 0, limit: int = MOST_PARTS) -> list[Part]:
        with self.store.read() as connection:
            return rows.parts(connection, upload.id, after, limit)

    def abort(self, bucket: str, key: str, upload_id: str) -> None:
        with self.store.write(durable=True) as connection:
            placing.hold_bucket(connection, bucket)
            _checked(rows.lock(connection, upload_id), bucket, key, upload_id)
            freed = rows.remove(connection, upload_id)
        self.blobs.discard(freed)

    def complete(
        self, upload: Upload, chosen: Sequence[Chosen], expected: Expected, conditions: Conditions = ALWAYS
    ) -> Version:
        """The object made of the chosen parts. Asked again after it was done, it gives the same answer.

        Raises InvalidPart, InvalidPartOrder, EntityTooSmall, BadDigest, and what `conditions` raise.
        """
        parts = _pick(upload, chosen, {part.number: part for part in self.parts(upload)})
        algorithm = upload.checksum_algorithm
        counted = [algorithm] if algorithm and upload.checksum_type == FULL_OBJECT else []
        try:
            with self.blobs.join([part.blob for part in parts], counted) as blob:
                new = _joined(upload, parts, blob)
                _check_whole(new, expected)
                return self._finish(upload, new, blob, conditions)
        except FileNotFoundError:  # a part was replaced, or another completion was faster
            done = self.finished(upload.bucket, upload.key, upload.id)
            if done is None:
                raise errors.invalid_part(upload.id, parts[0].number, parts[0].etag) from None
            return done

    def _finish(self, upload: Upload, new: Version, blob: Blob, conditions: Conditions) -> Version:
        with self.store.write(durable=True) as connection:
            placing.hold_bucket(connection, upload.bucket)
            version_rows.lock_keys(connection, upload.bucket, [upload.key])
            _checked(rows.lock(connection, upload.id), upload.bucket, upload.key, upload.id)
            change = placing.place(connection, new, conditions)
            freed = rows.finish(connection, upload.id, change.version.version, now_ms())
        blob.keep()
        self.blobs.discard([*change.freed, *freed])
        return change.version

    def finished(self, bucket: str, key: str, upload_id: str) -> Version | None:
        """What the upload became, if it did and that version is still there."""
        with self.store.read() as connection:
            upload = rows.find(connection, upload_id)
            if upload is None or upload.version is None or (upload.bucket, upload.key) != (bucket, key):
                return None
            return version_rows.find(connection, bucket, key, upload.version)


def _checked(upload: Upload | None, bucket: str, key: str, upload_id: str) -> Upload:
    if upload is None or upload.finished_ms is not None or (upload.bucket, upload.key) != (bucket, key):
        raise errors.no_such_upload(upload_id)
    return upload


def _pick(upload: Upload, chosen: Sequence[Chosen], there: dict[int, Part]) -> list[Part]:
    picked: list[Part] = []
    for choice in chosen:
        part = there.get(choice.number)
        if picked and choice.number <= picked[-1].number:
            raise errors.invalid_part_order(upload.id)
        kept = part.checksums if part else {}
        wrong = [name for name, value in choice.checksums.items() if kept.get(name, value) != value]
        if part is None or choice.etag.strip('"') != part.etag or wrong:
            raise errors.invalid_part(upload.id, choice.number, choice.etag)
        picked.append(part)
    for part in picked[:-1]:
        if part.size < LEAST_PART:
            raise errors.part_too_small(part.number, part.size, LEAST_PART, part.etag)
    return picked


def _joined(upload: Upload, parts: list[Part], blob: Blob) -> Version:
    properties = Properties(upload.headers, upload.user_metadata, upload.tags)
    algorithm = upload.checksum_algorithm
    whole = dict(blob.checksums)
    if algorithm and upload.checksum_type == COMPOSITE and all(algorithm in part.checksums for part in parts):
        whole[algorithm] = checksums.composite(algorithm, [part.checksums[algorithm] for part in parts])
    return replace(
        with_blob(draft(upload.bucket, upload.key, properties), blob),
        etag=checksums.multipart_etag(part.etag for part in parts),
        checksums=whole,
        parts=[{"number": p.number, "size": p.size, "checksums": p.checksums} for p in parts],
    )


def _check_whole(new: Version, expected: Expected) -> None:
    if expected.size is not None and expected.size != new.size:
        raise errors.invalid_request(
            f"The provided 'x-amz-mp-object-size' header value {expected.size} does not match what was computed: {new.size}"
        )
    for name, value in expected.checksums.items():
        if name in new.checksums and value.partition("-")[0] != new.checksums[name].partition("-")[0]:
            raise checksums.bad_digest(name)
