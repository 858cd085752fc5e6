"""Multipart uploads in the store itself; the wire's view of them is in the contract tests."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sagewright.model.errors import AwsError
from sagewright.objects import uploads
from sagewright.objects.blobs import checksums
from sagewright.objects.bucketstore import BucketStore
from sagewright.objects.listing import ListingQuery
from sagewright.objects.placing import Properties
from sagewright.objects.uploads import Chosen, Expected
from sagewright.store.objects.uploads import Upload, UploadCursor, UploadPart


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LEAST_PART", 4)


def part(objects: BucketStore, upload: Upload, number: int, data: bytes) -> UploadPart:
    wanted = [upload.checksum_algorithm] if upload.checksum_algorithm else []
    with objects.blobs.receive(io.BytesIO(data), wanted) as blob:
        return objects.uploads.put_part(upload, number, blob)


def chosen(*parts: UploadPart) -> list[Chosen]:
    return [Chosen(p.number, f'"{p.etag}"', p.checksums) for p in parts]


def blob_count(objects: BucketStore, tmp_path: Path) -> int:
    objects.blobs.empty_trash(float("inf"))
    return len(list((tmp_path / "objects" / "blobs").glob("*/*")))


def test_parts_replace_each_other(objects: BucketStore, tmp_path: Path) -> None:
    upload = objects.uploads.create("b", "k", Properties({"ContentType": "x/y"}, {"m": "1"}, {"t": "2"}))
    part(objects, upload, 3, b"old!")
    tail, head = part(objects, upload, 3, b"tail"), part(objects, upload, 1, b"head")
    version = objects.uploads.complete(upload, chosen(head, tail), Expected(size=8))
    assert objects.read_bytes("b", "k") == b"headtail"
    assert (version.headers, version.user_metadata, version.tags) == ({"ContentType": "x/y"}, {"m": "1"}, {"t": "2"})
    assert [p["size"] for p in version.parts] == [4, 4]
    assert blob_count(objects, tmp_path) == 1


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("CRC32", "COMPOSITE"), ("CRC32", "FULL_OBJECT"), ("CRC64NVME", None), ("SHA256", None)]
)
def test_checksums_of_the_whole(objects: BucketStore, algorithm: str, kind: str | None) -> None:
    upload = objects.uploads.create("b", "k", Properties(), algorithm, kind)
    parts = [part(objects, upload, n, data) for n, data in ((1, b"head"), (2, b"tail"))]
    composite = upload.checksum_type == "COMPOSITE"
    whole = (
        checksums.composite(algorithm, [p.checksums[algorithm] for p in parts])
        if composite
        else checksums.of_bytes(algorithm, b"headtail")
    )
    with pytest.raises(AwsError) as caught:
        objects.uploads.complete(upload, chosen(*parts), Expected(checksums={algorithm: "AAAA"}))
    assert caught.value.code == "BadDigest"
    version = objects.uploads.complete(upload, chosen(*parts), Expected(checksums={algorithm: whole}))
    assert version.checksums == {algorithm: whole}


def test_refusals(objects: BucketStore) -> None:
    upload = objects.uploads.create("b", "k", Properties(), "CRC32")
    one, two = part(objects, upload, 1, b"small"[:3]), part(objects, upload, 2, b"two")
    wrong = [
        (chosen(two, one), "InvalidPartOrder"),
        (chosen(one, one), "InvalidPartOrder"),
        ([Chosen(9, one.etag)], "InvalidPart"),
        ([Chosen(1, two.etag)], "InvalidPart"),
        ([Chosen(1, one.etag, {"CRC32": "AAAAAA=="})], "InvalidPart"),
        (chosen(one, two), "EntityTooSmall"),
    ]
    for parts, code in wrong:
        with pytest.raises(AwsError) as caught:
            objects.uploads.complete(upload, parts, Expected())
        assert caught.value.code == code
    with pytest.raises(AwsError) as caught:
        objects.uploads.complete(upload, chosen(two), Expected(size=7))
    assert caught.value.code == "InvalidRequest"
    for bucket, key in (("b", "other"), ("none", "k")):
        with pytest.raises(AwsError) as caught:
            objects.uploads.find(bucket, key, upload.id)
        assert caught.value.code in {"NoSuchUpload", "NoSuchBucket"}
    objects.uploads.complete(upload, chosen(two), Expected())


def test_completed_by_many_at_once(objects: BucketStore, tmp_path: Path) -> None:
    upload = objects.uploads.create("b", "k", Properties())
    parts = chosen(*[part(objects, upload, n, b"data") for n in range(1, 9)])

    def complete(_n: int) -> str:
        try:
            return objects.uploads.complete(upload, parts, Expected()).etag
        except AwsError as error:
            return error.code

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(complete, range(12)))
    assert len(answers - {"NoSuchUpload", "InvalidPart"}) == 1
    done = objects.uploads.finished("b", "k", upload.id)
    assert done is not None
    assert done.etag in answers
    assert objects.read_bytes("b", "k") == b"data" * 8
    assert blob_count(objects, tmp_path) == 1


def test_an_aborted_upload_leaves_nothing(objects: BucketStore, tmp_path: Path) -> None:
    upload = objects.uploads.create("b", "k", Properties())
    part(objects, upload, 1, b"data")
    objects.uploads.abort("b", "k", upload.id)
    with pytest.raises(AwsError) as caught:
        part(objects, upload, 2, b"late")
    assert caught.value.code == "NoSuchUpload"
    assert blob_count(objects, tmp_path) == 0
    objects.buckets.delete("b")


def test_lists_of_uploads(objects: BucketStore) -> None:
    made = []
    for key in ("a", "b", "b", "dir/1", "dir/2", "e"):
        made.append(objects.uploads.create("b", key, Properties()).id)
        time.sleep(0.001)
    found, cursor = [], UploadCursor()
    while True:
        page = objects.listing.uploads("b", ListingQuery(limit=2), cursor)
        found += [upload.id for upload in page.entries]
        if not page.truncated:
            break
        cursor = page.next
    assert found == made
    folded, cursor = [], UploadCursor()
    while True:
        page = objects.listing.uploads("b", ListingQuery(delimiter="/", limit=2), cursor)
        folded += [upload.key for upload in page.entries] + page.prefixes
        if not page.truncated:
            break
        cursor = page.next
    assert sorted(folded) == ["a", "b", "b", "dir/", "e"]
    assert [u.key for u in objects.listing.uploads("b", ListingQuery(prefix="dir/"), UploadCursor()).entries] == [
        "dir/1",
        "dir/2",
    ]


def test_finished_uploads_are_forgotten_in_time(objects: BucketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = objects.uploads.create("b", "k", Properties())
    objects.uploads.complete(upload, chosen(part(objects, upload, 1, b"data")), Expected())
    objects.collect()
    assert objects.uploads.finished("b", "k", upload.id) is not None
    monkeypatch.setattr("sagewright.objects.bucketstore.FINISHED_UPLOAD_MS", -1000)
    objects.collect()
    assert objects.uploads.finished("b", "k", upload.id) is None
    assert objects.read_bytes("b", "k") == b"data"
