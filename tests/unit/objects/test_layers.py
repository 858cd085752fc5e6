"""Layers by digest: uploads in chunks, across restarts, and what is cleared."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
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


class Slow:
    """A body that sends a piece, and then waits for `go`."""

    def __init__(self, *, breaks: bool) -> None:
        self.sent, self.go = threading.Event(), threading.Event()
        self.pieces, self.breaks = [b"late", b"half"], breaks

    def read(self, _size: int = -1, /) -> bytes:
        if len(self.pieces) == 1:
            self.sent.set()
            assert self.go.wait(30)
            if self.breaks:
                raise ConnectionError
        return self.pieces.pop() if self.pieces else b""


def begun(layers: LayerStore, upload: str, body: Slow) -> Future[int]:
    pool = ThreadPoolExecutor(1)
    adding = pool.submit(layers.append, upload, body)
    assert body.sent.wait(30)
    pool.shutdown(wait=False)
    return adding


def test_a_chunk_waits_for_an_earlier_one_that_breaks_off(tmp_path: Path) -> None:
    layers = LayerStore(tmp_path)
    upload, body = layers.begin(), Slow(breaks=True)
    adding = begun(layers, upload, body)
    threading.Timer(0.2, body.go.set).start()
    assert LayerStore(tmp_path).append(upload, io.BytesIO(b"whole"), 0) == 5
    with pytest.raises(ConnectionError):
        adding.result(30)
    assert layers.received(upload) == 5


def test_nothing_is_added_to_an_upload_or_a_layer_by_two_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagewright.objects.layers.BUSY_S", 0.1)
    layers = LayerStore(tmp_path)
    upload, body = layers.begin(), Slow(breaks=False)
    adding = begun(layers, upload, body)
    with pytest.raises(OutOfOrder):
        layers.append(upload, io.BytesIO(b"more"))
    with pytest.raises(OutOfOrder):
        layers.finish(upload, f"sha256:{hashlib.sha256(b'half').hexdigest()}")
    body.go.set()
    assert adding.result(30) == 8
    digest = f"sha256:{hashlib.sha256(b'halflate').hexdigest()}"
    assert layers.finish(upload, digest) == 8
    assert layers.path(digest).read_bytes() == b"halflate"


def test_a_chunk_that_waited_does_not_reach_the_layer(tmp_path: Path) -> None:
    layers = LayerStore(tmp_path)
    upload = layers.begin()
    layers.append(upload, io.BytesIO(DATA))
    with (tmp_path / "uploads" / upload).open("rb") as held, ThreadPoolExecutor(1) as pool:
        fcntl.flock(held, fcntl.LOCK_EX)
        adding = pool.submit(layers.append, upload, io.BytesIO(b"more"))
        time.sleep(0.1)
        layers.path(DIGEST).parent.mkdir(parents=True)
        (tmp_path / "uploads" / upload).rename(layers.path(DIGEST))
        fcntl.flock(held, fcntl.LOCK_UN)
        with pytest.raises(NoSuchUpload):
            adding.result(30)
    assert layers.path(DIGEST).read_bytes() == DATA


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
