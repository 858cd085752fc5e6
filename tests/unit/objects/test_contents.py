"""Copies, tags and reads that race with writers."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from sagewright.model.errors import AwsError
from sagewright.objects.blobs import small
from sagewright.objects.bucketstore import BucketStore
from sagewright.objects.contents import draft
from sagewright.objects.placing import Properties
from sagewright.objects.scrub import Scrub
from sagewright.store.objects.objects import Version


def test_a_copy_shares_bytes_and_stands_alone(objects: BucketStore) -> None:
    data = b"d" * (small.MOST + 1)
    source = objects.write_bytes("b", "k", data)
    copy = objects.contents.copy(source, draft("b", "copy", Properties(tags={"t": "1"})), [])
    assert objects.path(copy).samefile(objects.path(source))
    assert (copy.etag, copy.tags, copy.size) == (source.etag, {"t": "1"}, len(data))
    objects.contents.delete("b", "k")
    objects.blobs.empty_trash(float("inf"))
    assert objects.read_bytes("b", "copy") == data


def test_a_copy_counts_what_is_not_known(objects: BucketStore) -> None:
    source = replace(objects.write_bytes("b", "k", b"data"), etag="0-2", parts=[{"number": 1}])
    copy = objects.contents.copy(source, draft("b", "copy", Properties()), ["SHA256"])
    assert copy.etag == hashlib.md5(b"data").hexdigest()
    assert list(copy.checksums) == ["SHA256"]


def test_a_copy_of_what_is_gone(objects: BucketStore) -> None:
    source = objects.write_bytes("b", "k", b"data")
    objects.contents.delete("b", "k")
    objects.blobs.empty_trash(float("inf"))
    with pytest.raises(AwsError) as caught:
        objects.contents.copy(source, draft("b", "copy", Properties()), [])
    assert caught.value.code == "NoSuchKey"


def test_tags(objects: BucketStore) -> None:
    version = objects.write_bytes("b", "k", b"data")
    objects.contents.set_tags(version, {"a": "1"})
    assert objects.contents.find("b", "k").tags == {"a": "1"}


def test_readers_beside_a_writer_see_whole_values(objects: BucketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when old blobs go at once, which they do not in service."""
    monkeypatch.setattr("sagewright.objects.blobs.blobs.TRASH_S", 0.0)
    objects.write_bytes("b", "k", b"a" * 1000)
    done = threading.Event()

    def write() -> None:
        for n in range(60):
            objects.write_bytes("b", "k", bytes([97 + n % 26]) * 1000)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        data = objects.read_bytes("b", "k")
        assert len(data) == 1000
        assert len(set(data)) == 1
    writer.join()


@pytest.mark.parametrize("size", [3, small.MOST + 1])
def test_lost_bytes_are_told_as_such_by_everything_that_needs_them(objects: BucketStore, size: int) -> None:
    version = objects.write_bytes("b", "the/key", b"d" * size)
    lose(objects, version)
    readers: list[Callable[[], object]] = [
        lambda: objects.body(version, 0, size),
        lambda: objects.read_bytes("b", "the/key"),
        lambda: objects.there(version),
        lambda: objects.contents.copy(version, draft("b", "copy", Properties()), []),
    ]
    for read in readers:
        with pytest.raises(AwsError, match="'the/key' is lost") as caught:
            read()
        assert (caught.value.code, caught.value.status) == ("InvalidObjectState", 403)
    assert [fault.kind for fault in Scrub(objects).run(0).faults] == ["missing"]


def test_a_file_that_was_cut_off_is_lost_too(objects: BucketStore) -> None:
    version = objects.write_bytes("b", "k", b"d" * (small.MOST + 10))
    os.truncate(objects.path(version), small.MOST)
    assert objects.body(version, 0, small.MOST)
    with pytest.raises(AwsError, match="'k' is lost"):
        objects.body(version, 0, small.MOST + 10)


def test_what_was_deleted_meanwhile_is_not_lost(objects: BucketStore) -> None:
    version = objects.write_bytes("b", "k", b"data")
    objects.contents.delete("b", "k")
    objects.blobs.empty_trash(float("inf"))
    with pytest.raises(AwsError, match="NoSuchKey"):
        objects.body(version, 0, 4)


def lose(objects: BucketStore, version: Version) -> None:
    assert version.blob
    if small.is_small(version.blob):
        objects.small.remove([version.blob])
    else:
        objects.path(version).unlink()
