"""Check of every object and part against its file, and of every file against the index. Changes nothing."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

from sagewright.objects.blobs import checksums
from sagewright.objects.blobs.blobs import CHUNK, BlobStore
from sagewright.objects.bucketstore import GRACE_S, BucketStore
from sagewright.store.objects import objects as rows
from sagewright.store.objects import uploads as upload_rows
from sagewright.store.objects.objects import Version
from sagewright.store.objects.uploads import Upload, UploadPart


@dataclass(frozen=True)
class ScrubFault:
    """`missing`: the file of a row does not exist. `corrupt`: its bytes are not those that were put; `detail` explains how."""

    kind: str
    bucket: str
    key: str
    version: str
    detail: str
    upload: str | None = None
    part: int | None = None


@dataclass
class ScrubReport:
    """`orphaned`: names of files that no row refers to; a server removes them by itself."""

    objects: int = 0
    parts: int = 0
    bytes: int = 0
    faults: list[ScrubFault] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.faults

    def document(self) -> dict[str, Any]:
        faults = [asdict(fault) for fault in self.faults]
        return {
            "objects": self.objects,
            "parts": self.parts,
            "bytes": self.bytes,
            "missing": [fault for fault in faults if fault["kind"] == "missing"],
            "corrupt": [fault for fault in faults if fault["kind"] == "corrupt"],
            "orphaned": self.orphaned,
        }


@dataclass(frozen=True)
class Scrub:
    """Works while a server runs: objects that are overwritten or deleted while they are read are not faults."""

    store: BucketStore

    def run(self, grace_s: float = GRACE_S) -> ScrubReport:
        """Checks everything. Files younger than `grace_s` seconds may still get a row, and are not orphans."""
        report = ScrubReport()
        for bucket in self.store.buckets.all():
            for version in self.store.listing.all_versions(bucket.name):
                if version.blob is not None:
                    self._check_version(version, report)
            for upload in self.store.listing.all_uploads(bucket.name):
                for part in self.store.uploads.parts(upload):
                    self._check_part(upload, part, report)
        report.orphaned = sorted(path.name for path in self.store.orphans(grace_s))
        return report

    def _check_version(self, version: Version, report: ScrubReport) -> None:
        assert version.blob
        report.objects += 1
        found = _fault(self.store.blobs, version.blob, _Kept.of_version(version))
        report.bytes += version.size
        if found is not None and self._still_names(version):
            report.faults.append(ScrubFault(found[0], version.bucket, version.key, version.version, found[1]))

    def _check_part(self, upload: Upload, part: UploadPart, report: ScrubReport) -> None:
        report.parts += 1
        found = _fault(self.store.blobs, part.blob, _Kept(part.size, part.etag, part.checksums, (), part.start))
        report.bytes += part.size
        if found is not None and self._still_has(part):
            where = (upload.bucket, upload.key, "")
            report.faults.append(ScrubFault(found[0], *where, found[1], upload=upload.id, part=part.number))

    def _still_names(self, version: Version) -> bool:
        with self.store.database.read() as connection:
            now = rows.find(connection, version.bucket, version.key, version.version)
        return now is not None and now.blob == version.blob

    def _still_has(self, part: UploadPart) -> bool:
        with self.store.database.read() as connection:
            now = upload_rows.parts(connection, part.upload_id, part.number - 1, 1)
        return bool(now) and now[0].blob == part.blob


@dataclass(frozen=True)
class _Kept:
    """The index's data of a file; for a part, of the bytes from `start`, since others can surround it."""

    size: int
    etag: str
    checksums: dict[str, str]
    part_sizes: tuple[int, ...] = ()
    start: int | None = None

    @classmethod
    def of_version(cls, version: Version) -> _Kept:
        whole = {name: value for name, value in version.checksums.items() if "-" not in value}
        return cls(version.size, version.etag, whole, tuple(part["size"] for part in version.parts))


def _fault(blobs: BlobStore, blob: str, kept: _Kept) -> tuple[str, str] | None:
    try:
        with blobs.open(blob) as file:
            size = file.seek(0, io.SEEK_END)
            if kept.start is not None:
                size = min(size - kept.start, kept.size)
            if size != kept.size:
                return "corrupt", f"{blob} has {size} bytes, {kept.size} were put"
            file.seek(kept.start or 0)
            counted = {name: checksums.new(name) for name in kept.checksums}
            md5s = [_md5(file, size, counted.values()) for size in kept.part_sizes or (kept.size,)]
    except FileNotFoundError:
        return "missing", f"{blob} is not there"
    except OSError as error:
        return "corrupt", f"{blob} cannot be read: {error.strerror}"
    etag = checksums.multipart_etag(md5s) if kept.part_sizes else md5s[0]
    if etag != kept.etag:
        return "corrupt", f"{blob} has the ETag {etag}, but the object was put with {kept.etag}"
    for name, checksum in counted.items():
        if checksums.encoded(checksum) != kept.checksums[name]:
            return "corrupt", f"{blob} does not match its {name}"
    return None


def _md5(file: BinaryIO, left: int, counted: Iterable[checksums.Checksum]) -> str:
    """Returns the MD5 of the next `left` bytes, which are also fed to `counted`."""
    md5 = hashlib.md5(usedforsecurity=False)
    while left and (chunk := file.read(min(CHUNK, left))):
        left -= len(chunk)
        md5.update(chunk)
        for checksum in counted:
            checksum.update(chunk)
    return md5.hexdigest()
