"""Blobs: written whole or not at all, shared, discarded late, swept safely."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import time
from pathlib import Path
from typing import Any

import pytest

from sagewright.model.errors import AwsError
from sagewright.objects.blobs import blobs as module
from sagewright.objects.blobs.blobs import Blob, BlobSlice, BlobStore


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path, "full")


def kept(blobs: BlobStore, data: bytes) -> Blob:
    with blobs.receive(io.BytesIO(data)) as blob:
        blob.keep()
    return blob


def files(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_a_blob_is_received_and_hashed(blobs: BlobStore, tmp_path: Path) -> None:
    data = os.urandom(3 * module.CHUNK + 7)
    with blobs.receive(io.BytesIO(data), ["CRC32", "SHA256"]) as blob:
        assert blob.md5 == hashlib.md5(data).hexdigest()
        assert set(blob.checksums) == {"CRC32", "SHA256"}
        blob.keep()
    assert blobs.path(blob.id).read_bytes() == data
    assert files(tmp_path) == [blob.id]


def test_a_blob_that_is_not_kept_is_gone(blobs: BlobStore, tmp_path: Path) -> None:
    with blobs.receive(io.BytesIO(b"x")):
        pass
    with pytest.raises(AwsError), blobs.receive(io.BytesIO(b"x")):
        raise AwsError("BadDigest", "no")
    assert files(tmp_path) == []


def test_a_blob_stays_when_its_row_may_have_been_committed(blobs: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(ConnectionError), blobs.receive(io.BytesIO(b"x")) as blob:
        raise ConnectionError("the answer to COMMIT was lost")
    assert files(tmp_path) == [blob.id]
    assert list(blobs.orphans(set, 0)) == []
    assert list(blobs.orphans(lambda _names: set(), 0)) == [blobs.path(blob.id)]


class Broken:
    """A body whose sender goes away."""

    def __init__(self) -> None:
        self.pieces = [b"x" * 10, b"y" * 10]

    def read(self, _size: int = -1, /) -> bytes:
        if not self.pieces:
            raise AwsError("IncompleteBody", "gone")
        return self.pieces.pop()


def test_a_broken_body_leaves_nothing(blobs: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(AwsError), blobs.receive(Broken()):
        pass
    assert files(tmp_path) == []


def test_a_full_disk(blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "write", full)
    with pytest.raises(AwsError) as caught, blobs.receive(io.BytesIO(b"x")):
        pass
    assert (caught.value.code, caught.value.status) == ("InsufficientStorage", 507)
    assert files(tmp_path) == []


def test_slices_and_joins(blobs: BlobStore) -> None:
    one, two = kept(blobs, b"0123456789"), kept(blobs, b"abc")
    with blobs.slice(one.id, 2, 3, ["CRC32"]) as part:
        assert (part.size, part.md5) == (3, hashlib.md5(b"234").hexdigest())
        assert blobs.path(part.id).read_bytes() == b"234"
    pieces = [
        BlobSlice(blobs.path(one.id), 0, 10),
        BlobSlice(blobs.path(two.id), 0, 3),
        BlobSlice(blobs.path(one.id), 4, 2),
    ]
    with blobs.join(pieces) as whole:
        assert whole.size == 15
        assert blobs.path(whole.id).read_bytes() == b"0123456789abc45"
    with pytest.raises(OSError, match="early"), blobs.join([BlobSlice(blobs.path(one.id), 5, 6)]):
        pass
    with pytest.raises(FileNotFoundError), blobs.slice("00gone", 0, 1):
        pass


def test_a_join_where_the_kernel_cannot_copy(blobs: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = kept(blobs, b"0123456789"), kept(blobs, b"abc")

    def refuse(*_arguments: Any) -> int:
        raise OSError(errno.EXDEV, "not here")

    monkeypatch.setattr(module.os, "copy_file_range", refuse)
    with blobs.join([BlobSlice(blobs.path(one.id), 3, 7), BlobSlice(blobs.path(two.id), 0, 3)]) as whole:
        assert blobs.path(whole.id).read_bytes() == b"3456789abc"


def test_links_share_bytes_and_outlive_each_other(blobs: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    one = kept(blobs, b"0123456789")
    with blobs.link(one.id, 10, one.md5, {}) as linked:
        linked.keep()
    assert blobs.path(linked.id).samefile(blobs.path(one.id))
    monkeypatch.setattr(Path, "hardlink_to", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no links")))
    with blobs.link(one.id, 10, one.md5, {}) as copied:
        copied.keep()
    assert not blobs.path(copied.id).samefile(blobs.path(one.id))
    blobs.discard([one.id])
    blobs.empty_trash(time.monotonic() + 100)
    assert blobs.path(linked.id).read_bytes() == blobs.path(copied.id).read_bytes() == b"0123456789"
    with pytest.raises(FileNotFoundError), blobs.link(one.id, 10, one.md5, {}):
        pass


def test_discarded_blobs_can_be_read_for_a_while(blobs: BlobStore) -> None:
    blob = kept(blobs, b"x")
    blobs.discard([blob.id, None])
    assert blobs.path(blob.id).exists()
    blobs.empty_trash(time.monotonic() + module.TRASH_S + 1)
    assert not blobs.path(blob.id).exists()


def test_orphans_are_neither_in_flight_nor_young_nor_named(blobs: BlobStore, tmp_path: Path) -> None:
    named, orphan, discarded = kept(blobs, b"named"), kept(blobs, b"orphan"), kept(blobs, b"discarded")
    blobs.discard([discarded.id])
    left = tmp_path / "incoming" / "left-by-a-killed-process"
    left.write_bytes(b"torn")
    assert list(blobs.orphans(lambda _names: set(), 3600)) == []
    with blobs.receive(io.BytesIO(b"in flight")) as pending:
        found = set(blobs.orphans(lambda names: {named.id} & set(names), 0))
        assert found == {left, blobs.path(orphan.id)}
        assert blobs.path(pending.id).exists()
