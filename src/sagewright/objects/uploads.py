"""Multipart uploads: parts in any order, joined into one object by the completion."""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.objects import errors, placing
from sagewright.objects.blobs import checksums
from sagewright.objects.blobs.assembly import Assemblies
from sagewright.objects.blobs.blobs import Blob, BlobSlice, BlobStore, ByteSource, Receipt
from sagewright.objects.contents import draft, with_blob
from sagewright.objects.placing import ALWAYS, Properties, PutConditions
from sagewright.store.database import Database
from sagewright.store.objects import objects as version_rows
from sagewright.store.objects import uploads as rows
from sagewright.store.objects.objects import Version
from sagewright.store.objects.uploads import Upload, UploadPart

LEAST_PART = 5 * 1024 * 1024
MOST_PARTS = 10_000
COMPOSITE, FULL_OBJECT = "COMPOSITE", "FULL_OBJECT"


@dataclass(frozen=True)
class Chosen:
    """A part named in the completion: its number, its ETag and any checksums sent."""

    number: int
    etag: str
    checksums: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """The sender's claims about the whole object; None and {} if missing."""

    size: int | None = None
    checksums: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Uploads:
    """Multipart uploads. Thread-safe. Methods raise NoSuchUpload for an upload id that does not belong to the key."""

    store: Database
    blobs: BlobStore
    assemblies: Assemblies

    def create(
        self, bucket: str, key: str, properties: Properties, algorithm: str | None = None, kind: str | None = None
    ) -> Upload:
        """`algorithm`: a checksum computed for every part. `kind`: COMPOSITE or FULL_OBJECT, by default S3's choice."""
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
        """Returns an unfinished upload."""
        with self.store.read() as connection:
            placing.need_bucket(connection, bucket)
            return _checked(rows.find(connection, upload_id), bucket, key, upload_id)

    def key_of(self, bucket: str, upload_id: str) -> str | None:
        """Returns the key of an upload of the bucket, None for an unknown id."""
        with self.store.read() as connection:
            found = rows.find(connection, upload_id)
        return found.key if found is not None and found.bucket == bucket else None

    def receive(
        self, upload: Upload, number: int, source: ByteSource, algorithms: Iterable[str] = (), length: int | None = None
    ) -> AbstractContextManager[Blob]:
        """Receives the bytes of a part for `put_part`, like BlobStore.receive; `length`: announced size."""
        bounded = _Bounded(source, length) if length is not None else source
        return self._placed(upload, number, length, lambda file: self.blobs.pump(bounded, file, algorithms))

    def slice(
        self, upload: Upload, number: int, piece: BlobSlice | bytes, algorithms: Iterable[str] = ()
    ) -> AbstractContextManager[Blob]:
        """Like `receive`, for a piece of another blob. Raises FileNotFoundError if that blob was deleted."""
        if isinstance(piece, bytes):
            return self.receive(upload, number, io.BytesIO(piece), algorithms, len(piece))
        return self._placed(upload, number, piece.length, lambda file: self.blobs.pump_slice(piece, file, algorithms))

    def _placed(
        self, upload: Upload, number: int, length: int | None, fill: Callable[[int], Blob]
    ) -> AbstractContextManager[Blob]:
        """Writes to the part's position in the upload's assembly, or to a separate file."""
        large = length is not None and length >= LEAST_PART
        assembly = self.assemblies.claim(upload.id, number, length, begin=large) if length else None
        if assembly is None:
            return Receipt(self.blobs, fill)
        return self.assemblies.receive(upload.id, assembly, number, fill)

    def put_part(self, upload: Upload, number: int, blob: Blob) -> UploadPart:
        """Adds or replaces the part `number`."""
        part = UploadPart(upload.id, number, blob.id, blob.size, blob.md5, now_ms(), blob.checksums, blob.start)
        with self.store.write(durable=True) as connection:
            _checked(rows.lock(connection, upload.id), upload.bucket, upload.key, upload.id)
            replaced = rows.put_part(connection, part)
        blob.keep()
        if replaced is not None and not self.assemblies.holds(upload.id, replaced):
            self.blobs.discard([replaced])
        return part

    def parts(self, upload: Upload, after: int = 0, limit: int = MOST_PARTS) -> list[UploadPart]:
        with self.store.read() as connection:
            return rows.parts(connection, upload.id, after, limit)

    def abort(self, bucket: str, key: str, upload_id: str) -> None:
        with self.store.write(durable=True) as connection:
            placing.hold_bucket(connection, bucket)
            _checked(rows.lock(connection, upload_id), bucket, key, upload_id)
            freed = rows.remove(connection, upload_id)
        self.blobs.discard(freed)
        self.assemblies.forget(upload_id)

    def forget(self, ended: Mapping[str, list[str]]) -> None:
        """Drops uploads that ended with their bucket, and their blobs."""
        for upload_id, freed in ended.items():
            self.blobs.discard(freed)
            self.assemblies.forget(upload_id)

    def complete(
        self, upload: Upload, chosen: Sequence[Chosen], expected: Expected, conditions: PutConditions = ALWAYS
    ) -> Version:
        """Returns the object assembled from the chosen parts. A repeated call returns the same.

        Raises InvalidPart, InvalidPartOrder, EntityTooSmall, BadDigest, and the errors of `conditions`.
        """
        parts = _pick(upload, chosen, {part.number: part for part in self.parts(upload)})
        try:
            with self.assemblies.whole(upload.id, parts) as assembled:
                if assembled is not None:
                    return self._finish(upload, _joined(upload, parts, assembled), assembled, expected, conditions)
            with self.blobs.join([self._piece(part) for part in parts]) as blob:
                return self._finish(upload, _joined(upload, parts, blob), blob, expected, conditions)
        except FileNotFoundError:  # a part was replaced, or another completion was faster
            done = self.finished(upload.bucket, upload.key, upload.id)
            if done is None:
                raise errors.invalid_part(upload.id, parts[0].number, parts[0].etag) from None
            return done

    def _piece(self, part: UploadPart) -> BlobSlice:
        return BlobSlice(self.blobs.path(part.blob), part.start, part.size)

    def _finish(
        self, upload: Upload, new: Version, blob: Blob, expected: Expected, conditions: PutConditions
    ) -> Version:
        _check_whole(upload, new, expected)
        with self.store.write(durable=True) as connection:
            placing.hold_bucket(connection, upload.bucket)
            version_rows.lock_keys(connection, upload.bucket, [upload.key])
            _checked(rows.lock(connection, upload.id), upload.bucket, upload.key, upload.id)
            change = placing.place(connection, new, conditions)
            freed = rows.finish(connection, upload.id, change.version.version, now_ms())
        blob.keep()
        self.blobs.discard([*change.freed, *(one for one in freed if one != blob.id)])
        if blob.id not in freed:
            self.assemblies.forget(upload.id)
        return change.version

    def finished(self, bucket: str, key: str, upload_id: str) -> Version | None:
        """Returns the resulting object, if the upload was completed and that version still exists."""
        with self.store.read() as connection:
            upload = rows.find(connection, upload_id)
            if upload is None or upload.version is None or (upload.bucket, upload.key) != (bucket, key):
                return None
            return version_rows.find(connection, bucket, key, upload.version)


@dataclass
class _Bounded:
    """A source that is refused if it exceeds the announced size: the position of the next part begins there."""

    source: ByteSource
    left: int

    def read(self, size: int = -1, /) -> bytes:
        chunk = self.source.read(size)
        self.left -= len(chunk)
        if self.left < 0:
            raise errors.longer_than_announced()
        return chunk


def _checked(upload: Upload | None, bucket: str, key: str, upload_id: str) -> Upload:
    if upload is None or upload.finished_ms is not None or (upload.bucket, upload.key) != (bucket, key):
        raise errors.no_such_upload(upload_id)
    return upload


def _pick(upload: Upload, chosen: Sequence[Chosen], there: dict[int, UploadPart]) -> list[UploadPart]:
    picked: list[UploadPart] = []
    for choice in chosen:
        part = there.get(choice.number)
        if picked and choice.number <= picked[-1].number:
            raise errors.invalid_part_order(upload.id)
        if part is None or choice.etag.strip('"') != part.etag or not _has_checksums(upload, part, choice):
            raise errors.invalid_part(upload.id, choice.number, choice.etag)
        if upload.checksum_type == COMPOSITE and not choice.checksums:
            algorithm = (upload.checksum_algorithm or "").lower()
            raise errors.invalid_request(
                f"The upload was created using a {algorithm} checksum. The complete request must include the checksum "
                f"for each part. It was missing for part {choice.number} in the request."
            )
        picked.append(part)
    for part in picked[:-1]:
        if part.size < LEAST_PART:
            raise errors.part_too_small(part.number, part.size, LEAST_PART, part.etag)
    return picked


def _has_checksums(upload: Upload, part: UploadPart, choice: Chosen) -> bool:
    """Returns True if a part has the checksums in the completion. Raises BadDigest for another algorithm than the upload's."""
    other = next((name for name in choice.checksums if name != upload.checksum_algorithm), None)
    if other is not None and upload.checksum_algorithm is not None:
        message = f"The {other.lower()} you specified for part {choice.number} did not match what we received."
        raise AwsError("BadDigest", message)
    return other is None and all(part.checksums.get(name, value) == value for name, value in choice.checksums.items())


def of_parts(upload: Upload) -> tuple[str, ...]:
    """Returns the algorithms computed for every part: the upload's, or S3's default."""
    return (upload.checksum_algorithm,) if upload.checksum_algorithm else checksums.by_default()


def _joined(upload: Upload, parts: list[UploadPart], blob: Blob) -> Version:
    properties = Properties(upload.headers, upload.user_metadata, upload.tags)
    algorithm = upload.checksum_algorithm or checksums.DEFAULT
    composite = upload.checksum_type == COMPOSITE
    whole = dict(blob.checksums)
    if all(algorithm in part.checksums for part in parts):
        counted = [(part.checksums[algorithm], part.size) for part in parts]
        if composite:
            whole[algorithm] = checksums.composite(algorithm, [checksum for checksum, _ in counted])
        else:
            whole[algorithm] = checksums.joined(algorithm, counted)
    return replace(
        with_blob(draft(upload.bucket, upload.key, properties), blob),
        etag=checksums.multipart_etag(part.etag for part in parts),
        checksums=whole,
        parts=[{"number": p.number, "size": p.size, "checksums": p.checksums if composite else {}} for p in parts],
    )


def _check_whole(upload: Upload, new: Version, expected: Expected) -> None:
    """Raises InvalidRequest, BadDigest. As on AWS, an upload without an algorithm is only checked against S3's default."""
    if expected.size is not None and expected.size != new.size:
        raise errors.invalid_request(
            f"The provided 'x-amz-mp-object-size' header value {expected.size} does not match what was computed: {new.size}"
        )
    for name, value in expected.checksums.items():
        if upload.checksum_algorithm is None and name not in new.checksums:
            continue
        kept = new.checksums.get(name, "").partition("-")
        sent = value.partition("-")
        if new.checksums and (sent[0] != kept[0] or (sent[1] and not kept[1])):
            raise checksums.bad_digest((name if name in new.checksums else next(iter(new.checksums))).lower())
