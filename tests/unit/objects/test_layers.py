"""Layers by digest: uploads in chunks, across restarts, and what is cleared."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from sagewright.objects.layers import LayerStore, NoSuchUpload, OutOfOrder, WrongDigest

DATA = b"layer" * 1000
DIGEST = f"sha256:{hashlib.sha256(DATA).hexdigest()}"


class Broken:
    """A body whose sender goes away after some bytes."""

    def __init__(self) -> None:
        self.pieces = [b"half"]

    def read(self, _size: int = -1, /) -> bytes:
        if not self.pieces:
            raise ConnectionError
        return self.pieces.pop()


def test_an_upload_in_chunks_goes_on_after_a_restart(tmp_path: Path) -> None:
    upload = LayerStore(tmp_path).begin()
    assert LayerStore(tmp_path).append(upload, io.BytesIO(DATA[:10]), 0) == 10
    layers = LayerStore(tmp_path)
    assert layers.received(upload) == 10
    assert layers.size(DIGEST) is None
    layers.append(upload, io.BytesIO(DATA[10:]), 10)

    assert layers.finish(upload, DIGEST) == len(DATA)
    assert layers.path(DIGEST).read_bytes() == DATA
    assert layers.size(DIGEST) == len(DATA)
    with pytest.raises(NoSuchUpload):
        layers.received(upload)


def test_a_chunk_that_was_cut_off_leaves_nothing(tmp_path: Path) -> None:
    layers = LayerStore(tmp_path)
    upload = layers.begin()
    layers.append(upload, io.BytesIO(b"x"))
    with pytest.raises(ConnectionError):
        layers.append(upload, Broken())

    assert layers.received(upload) == 1


def test_a_chunk_in_the_wrong_place_is_refused(tmp_path: Path) -> None:
    layers = LayerStore(tmp_path)
    with pytest.raises(OutOfOrder) as caught:
        layers.append(layers.begin(), io.BytesIO(b"x"), 7)
    assert caught.value.size == 0


def test_other_bytes_than_were_said_are_no_layer(tmp_path: Path) -> None:
    layers = LayerStore(tmp_path)
    upload = layers.begin()
    layers.append(upload, io.BytesIO(b"other"))
    with pytest.raises(WrongDigest):
        layers.finish(upload, DIGEST)

    assert layers.size(DIGEST) is None


@pytest.mark.parametrize("digest", ["", "sha256:..", "md5:00", "sha256:" + "../" * 21 + "x", f"{DIGEST}0"])
def test_a_digest_that_is_none_names_no_file(tmp_path: Path, digest: str) -> None:
    with pytest.raises(WrongDigest):
        LayerStore(tmp_path).path(digest)


@pytest.mark.parametrize("upload", ["../sha256", "x", "00000000-0000-4000-8000-000000000000"])
def test_an_upload_that_is_none(tmp_path: Path, upload: str) -> None:
    with pytest.raises(NoSuchUpload):
        LayerStore(tmp_path).cancel(upload)


def test_only_old_and_unneeded_files_are_cleared(tmp_path: Path) -> None:
    layers = LayerStore(tmp_path)
    digests = []
    for number in range(3):
        data = bytes([number])
        upload = layers.begin()
        layers.append(upload, io.BytesIO(data))
        digests.append(f"sha256:{hashlib.sha256(data).hexdigest()}")
        layers.finish(upload, digests[-1])
    for digest in digests[:2]:
        os.utime(layers.path(digest), (0, 0))

    assert layers.collect({digests[0]}, grace_s=60) == 1
    assert [layers.size(digest) for digest in digests] == [1, None, 1]
