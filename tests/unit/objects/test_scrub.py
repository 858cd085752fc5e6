"""A scrub tells every damaged object by its name, and nothing else."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from sagewright.objects.bucketstore import BucketStore
from sagewright.objects.placing import Properties
from sagewright.objects.scrub import Scrub, ScrubReport
from sagewright.objects.uploads import LEAST_PART, Chosen, Expected
from sagewright.store.objects.objects import Version
from sagewright.store.objects.uploads import Upload


def put(objects: BucketStore, key: str, data: bytes = b"data", *algorithms: str) -> Version:
    with objects.blobs.receive(io.BytesIO(data), algorithms) as blob:
        return objects.contents.put("b", key, blob, Properties())


def upload(objects: BucketStore, key: str, *parts: bytes, algorithm: str | None = None) -> tuple[Upload, list[Chosen]]:
    made = objects.uploads.create("b", key, Properties(), algorithm)
    chosen = []
    for number, data in enumerate(parts, 1):
        with objects.blobs.receive(io.BytesIO(data), [algorithm] if algorithm else []) as blob:
            part = objects.uploads.put_part(made, number, blob)
            chosen.append(Chosen(number, part.etag, part.checksums if made.checksum_algorithm else {}))
    return made, chosen


def described(objects: BucketStore) -> list[tuple[str, str]]:
    return [(fault.kind, fault.key) for fault in Scrub(objects).run(0).faults]


def damage(objects: BucketStore, version: Version) -> None:
    path = objects.path(version)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_a_sound_store(objects: BucketStore) -> None:
    put(objects, "empty", b"")
    put(objects, "checked", b"data", "CRC64NVME", "SHA256")
    for algorithm in (None, "CRC32", "CRC64NVME"):
        made, chosen = upload(objects, f"parts-{algorithm}", b"p" * LEAST_PART, b"q", algorithm=algorithm)
        objects.uploads.complete(made, chosen, Expected())
    upload(objects, "unfinished", b"part")
    objects.buckets.set_versioning("b", "Enabled")
    put(objects, "checked", b"newer")
    objects.contents.delete("b", "checked")
    objects.blobs.empty_trash(float("inf"))
    size = 3 * (LEAST_PART + 1) + 4 + 4 + 5
    assert Scrub(objects).run(0) == ScrubReport(objects=6, parts=1, bytes=size)


def test_damage_is_told_by_name(objects: BucketStore) -> None:
    damage(objects, put(objects, "flipped"))
    objects.path(put(objects, "gone")).unlink()
    objects.path(put(objects, "short")).write_bytes(b"da")
    made, chosen = upload(objects, "second part", b"p" * LEAST_PART, b"q")
    damage(objects, objects.uploads.complete(made, chosen, Expected()))
    put(objects, "fine")
    assert described(objects) == [
        ("corrupt", "flipped"),
        ("missing", "gone"),
        ("corrupt", "second part"),
        ("corrupt", "short"),
    ]


def test_a_part_of_an_upload_is_checked(objects: BucketStore) -> None:
    made, _ = upload(objects, "unfinished", b"one", b"two")
    objects.blobs.path(objects.uploads.parts(made)[1].blob).unlink()
    (fault,) = Scrub(objects).run(0).faults
    assert (fault.kind, fault.upload, fault.part) == ("missing", made.id, 2)


def test_what_is_overwritten_meanwhile_is_no_fault(objects: BucketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    put(objects, "a")
    path = objects.blobs.path

    def overwritten(blob: str) -> Path:
        monkeypatch.setattr(objects.blobs, "path", path)
        put(objects, "a", b"new")
        objects.blobs.empty_trash(float("inf"))
        return path(blob)

    monkeypatch.setattr(objects.blobs, "path", overwritten)
    assert described(objects) == []


def test_a_reader_keeps_what_is_deleted_and_a_link_too(objects: BucketStore, tmp_path: Path) -> None:
    version = put(objects, "a", b"read me")
    objects.contents.delete("b", "a")
    assert objects.collect(grace_s=0, rest_s=0) == 0, "a reader may have looked its row up"
    link = tmp_path / "channel"
    link.hardlink_to(objects.path(version))
    with objects.path(version).open("rb") as reader:
        objects.blobs.empty_trash(float("inf"))
        assert not objects.path(version).exists()
        assert reader.read() == link.read_bytes() == b"read me"


DIES = """
import io, os, sys
from pathlib import Path
from sagewright.objects.blobs.blobs import BlobStore
with BlobStore(Path(sys.argv[1]), "normal").receive(io.BytesIO(b"x")) as blob:
    os._exit(9)
"""


def test_a_death_between_file_and_row_leaves_an_orphan(objects: BucketStore, tmp_path: Path) -> None:
    kept = put(objects, "kept")
    upload(objects, "unfinished", b"part")
    done = subprocess.run([sys.executable, "-c", DIES, str(tmp_path / "objects")], check=False)
    assert done.returncode == 9
    assert Scrub(objects).run().orphaned == [], "young: it may be on its way to a row"
    report = Scrub(objects).run(0)
    assert report.sound
    assert len(report.orphaned) == 1
    assert objects.collect(rest_s=0) == 0
    assert objects.collect(grace_s=0, rest_s=0) == 1
    assert Scrub(objects).run(0) == ScrubReport(objects=1, parts=1, bytes=8)
    assert objects.path(kept).exists()
