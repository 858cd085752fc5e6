"""Content of a pipe."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest

from sagewright.agent.errors import ClientError
from sagewright.agent.inputs.pipe_writers import gunzip, splice


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_gzip_of_several_members_and_padding(size: int) -> None:
    packed = gzip.compress(b"one" * 1000) + gzip.compress(b"") + gzip.compress(b"two") + b"\0" * 20
    assert b"".join(gunzip(in_pieces(packed, size), "x")) == b"one" * 1000 + b"two"


def test_an_empty_object_is_an_empty_stream() -> None:
    assert list(gunzip([], "x")) == []


@pytest.mark.parametrize(
    "data",
    [b"no gzip at all", gzip.compress(b"x" * 9999)[:-1], gzip.compress(b"x")[:5]],
    ids=["no gzip", "without its last byte", "a part of the header"],
)
def test_what_is_not_gzip_is_refused(data: bytes) -> None:
    with pytest.raises(ClientError, match="s3://b/k cannot be decompressed as Gzip"):
        list(gunzip([data], "s3://b/k"))


def test_a_bomb_comes_in_small_pieces() -> None:
    packed = gzip.compress(b"\0" * (64 << 20))
    assert max(map(len, gunzip([packed], "x"))) <= 1 << 20


@pytest.mark.parametrize("size", [0, 1, 3 << 20])
def test_a_file_is_spliced_whole(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    read, write = os.pipe()
    seen: list[bytes] = []

    def drain() -> None:
        with os.fdopen(read, "rb") as pipe:
            seen.append(pipe.read())

    reader = threading.Thread(target=drain)
    reader.start()
    with (tmp_path / "file").open("rb", buffering=0) as file:
        splice(file.fileno(), write, size)
    os.close(write)
    reader.join()
    assert seen == [content]
