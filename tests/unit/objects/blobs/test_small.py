"""Small bodies: in the store with their row, without a file until one is needed."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from sagewright.model.errors import AwsError
from sagewright.objects.blobs import small
from sagewright.objects.blobs.small import SmallBlobs, is_small
from sagewright.objects.bucketstore import BucketStore
from sagewright.objects.contents import draft
from sagewright.objects.placing import Properties, PutConditions
from sagewright.objects.scrub import Scrub, ScrubReport
from sagewright.store.objects import small_blobs
from sagewright.store.objects.objects import Version


def files(objects: BucketStore) -> list[Path]:
    root = objects.blobs.path("00").parent.parent.parent
    return [path for path in root.rglob("*") if path.is_file()]


def rows(objects: BucketStore, *versions: Version) -> int:
    with objects.database.read() as connection:
        return len(small_blobs.there(connection, [version.blob for version in versions if version.blob]))


def anew(objects: BucketStore, tmp_path: Path) -> BucketStore:
    """As after a restart: nothing is remembered."""
    return BucketStore(objects.database, tmp_path / "objects", "off", "000000000000", "us-east-1")


@pytest.mark.parametrize(("size", "kept_small"), [(0, True), (small.MOST, True), (small.MOST + 1, False)])
def test_the_limit(objects: BucketStore, tmp_path: Path, size: int, kept_small: bool) -> None:
    data = os.urandom(size)
    version = objects.write_bytes("b", "k", data)
    assert version.blob
    assert (is_small(version.blob), len(files(objects))) == (kept_small, 0 if kept_small else 1)
    for store in (objects, anew(objects, tmp_path)):
        assert store.read_bytes("b", "k") == data
        part = store.body(version, size // 2, 5)
        if kept_small:
            assert part == data[size // 2 : size // 2 + 5]
        assert store.path(version).read_bytes() == data
        assert Scrub(store).run(0) == ScrubReport(objects=1, bytes=size)
        assert store.collect(grace_s=0, rest_s=0) == 0


def test_overwritten_and_deleted_rows_go_in_time(objects: BucketStore) -> None:
    one = objects.write_bytes("b", "k", b"one")
    shown = objects.path(one)
    two = objects.write_bytes("b", "k", b"two")
    assert objects.collect(grace_s=0, rest_s=0) == 0, "a reader may have looked it up"
    assert objects.body(one, 0, 3) == b"one"
    objects.blobs.empty_trash(float("inf"))
    assert rows(objects, one, two) == 1
    assert not shown.exists()
    with pytest.raises(AwsError, match="NoSuchKey"):
        objects.body(one, 0, 3)
    objects.contents.delete("b", "k")
    objects.blobs.empty_trash(float("inf"))
    assert rows(objects, one, two) == 0


def test_a_refused_put_leaves_nothing(objects: BucketStore) -> None:
    objects.write_bytes("b", "k", b"old")
    with objects.blobs.take(io.BytesIO(b"new")) as blob, pytest.raises(AwsError):
        objects.contents.put("b", "k", blob, Properties(), PutConditions(if_none_match="*"))
    assert objects.small.unneeded() == []
    assert objects.read_bytes("b", "k") == b"old"
    with pytest.raises(FileNotFoundError):
        objects.small.read(blob.id)


def test_what_a_killed_process_had_to_remove(objects: BucketStore, tmp_path: Path) -> None:
    version = objects.write_bytes("b", "k", b"data")
    shown = objects.path(version)
    objects.contents.delete("b", "k")
    later = anew(objects, tmp_path)
    assert later.collect(grace_s=0, rest_s=0) == 1
    assert rows(objects, version) == 0
    assert not shown.exists()


@pytest.mark.parametrize("algorithms", [[], ["SHA256"]])
def test_a_copy_stands_alone(objects: BucketStore, algorithms: list[str]) -> None:
    with objects.blobs.take(io.BytesIO(b"data"), ["CRC32"]) as blob:
        source = objects.contents.put("b", "k", blob, Properties())
    copy = objects.contents.copy(source, draft("b", "copy", Properties()), algorithms)
    assert (copy.etag, list(copy.checksums)) == (source.etag, algorithms or ["CRC32"])
    objects.contents.delete("b", "k")
    objects.blobs.empty_trash(float("inf"))
    assert objects.read_bytes("b", "copy") == b"data"


def test_a_part_made_of_a_small_object(objects: BucketStore) -> None:
    source = objects.write_bytes("b", "k", b"0123456789")
    upload = objects.uploads.create("b", "whole", Properties())
    with objects.uploads.slice(upload, 1, objects.body(source, 2, 4)) as blob:
        part = objects.uploads.put_part(upload, 1, blob)
    assert (part.size, is_small(part.blob)) == (4, False)


def test_scrub_reads_rows(objects: BucketStore, tmp_path: Path) -> None:
    bad, gone = objects.write_bytes("b", "bad", b"data"), objects.write_bytes("b", "gone", b"data")
    assert bad.blob
    assert gone.blob
    with objects.database.write() as connection:
        small_blobs.remove(connection, [bad.blob, gone.blob])
        small_blobs.add(connection, bad.blob, b"date")
    found = Scrub(anew(objects, tmp_path)).run(0)
    assert [(fault.kind, fault.key) for fault in found.faults] == [("corrupt", "bad"), ("missing", "gone")]


def test_shown_files_are_trusted_for_one_boot(objects: BucketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    version = objects.write_bytes("b", "k", b"data")
    before = objects.path(version)
    before.write_bytes(b"")  # what a power cut may leave of a file that nobody brought to the disk
    monkeypatch.setattr(small, "_boot_id", lambda: "the next")
    again = SmallBlobs(objects.database, before.parent.parent.parent)
    assert version.blob
    again.show([version.blob, "sgone"])
    assert Path(again.shown(version.blob)).read_bytes() == b"data"
    assert not Path(again.shown("sgone")).exists()
    again.tidy()
    assert not before.exists()
    assert Path(again.shown(version.blob)).exists()


def test_memory_is_bounded(objects: BucketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "REMEMBERED", 25)
    versions = [objects.write_bytes("b", f"k{n}", bytes([n]) * 10) for n in range(4)]
    for n, version in enumerate(versions):
        assert objects.body(version, 0, 10) == bytes([n]) * 10
    with objects.database.write() as connection:
        small_blobs.remove(connection, [version.blob for version in versions if version.blob])
    assert objects.body(versions[3], 0, 10) == bytes([3]) * 10
    with pytest.raises(AwsError, match="InvalidObjectState"):
        objects.body(versions[0], 0, 10)
