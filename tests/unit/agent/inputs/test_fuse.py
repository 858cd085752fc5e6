"""Files whose bytes are fetched when they are read."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mfusepy import FuseOSError

from sagewright.agent.inputs.fuse import LEAST_BYTES, MOST_BYTES, ObjectFileSystem
from sagewright.agent.inputs.sources import Stored
from sagewright.agent.s3 import JobS3, S3Failed

CONTENT = os.urandom(1000) * 40_000


@dataclass
class Ranges:
    """S3 as a file system needs it; `requested` are the lengths of what it was asked for."""

    content: bytes = CONTENT
    etag: str = "one"
    requested: list[int] = field(default_factory=list)

    def read_range(self, _bucket: str, key: str, span: slice, etag: str = "") -> tuple[bytes, str]:
        self.requested.append(span.stop - span.start)
        if etag not in {"", self.etag}:
            raise S3Failed("PreconditionFailed", f"{key} has changed")
        return self.content[span], self.etag


def mounted(s3: Ranges) -> ObjectFileSystem:
    files = {"a/b/file": Stored("b", "k", len(CONTENT)), "a/empty": Stored("b", "e", 0)}
    return ObjectFileSystem(cast(JobS3, s3), files)


@given(st.lists(st.tuples(st.integers(0, len(CONTENT) + 10), st.integers(0, 1 << 20)), max_size=8))
@settings(max_examples=40)
def test_any_place_gives_its_bytes(places: list[tuple[int, int]]) -> None:
    tree = mounted(Ranges())
    handle = tree.open("/a/b/file", os.O_RDONLY)
    for offset, size in places:
        assert tree.read("/a/b/file", size, offset, handle) == CONTENT[offset : offset + size]


def test_reading_in_order_asks_seldom_and_for_nothing_twice() -> None:
    s3 = Ranges()
    tree = mounted(s3)
    handle = tree.open("/a/b/file", os.O_RDONLY)
    read = [tree.read("/a/b/file", 128 << 10, offset, handle) for offset in range(0, len(CONTENT), 128 << 10)]
    assert b"".join(read) == CONTENT
    assert sum(s3.requested) == len(CONTENT)
    assert len(s3.requested) < 2 * len(CONTENT) / MOST_BYTES + 10


def test_a_random_place_asks_for_little() -> None:
    s3 = Ranges()
    tree = mounted(s3)
    handle = tree.open("/a/b/file", os.O_RDONLY)
    for offset in (30_000_000, 5, 20_000_000):
        assert tree.read("/a/b/file", 10, offset, handle) == CONTENT[offset : offset + 10]
    assert s3.requested == [LEAST_BYTES] * 3


@pytest.mark.parametrize("change", [{"etag": "two"}, {"content": b"short"}])
def test_an_object_that_was_replaced_is_no_mixture(change: dict[str, Any]) -> None:
    s3 = Ranges()
    tree = mounted(s3)
    handle = tree.open("/a/b/file", os.O_RDONLY)
    tree.read("/a/b/file", 10, 0, handle)
    vars(s3).update(change)
    with pytest.raises(FuseOSError) as caught:
        tree.read("/a/b/file", 10, 20_000_000, handle)
    assert caught.value.errno == errno.EIO


def test_folders_and_attributes() -> None:
    tree = mounted(Ranges())
    assert tree.readdir("/", 0) == [".", "..", "a"]
    assert tree.readdir("/a", 0) == [".", "..", "b", "empty"]
    assert tree.getattr("/a/b/file")["st_size"] == len(CONTENT)
    assert tree.getattr("/a/b")["st_mode"] & 0o222 == 0
    with pytest.raises(FuseOSError) as caught:
        tree.getattr("/a/missing")
    assert caught.value.errno == errno.ENOENT
    handle = tree.open("/a/empty", os.O_RDONLY)
    assert tree.read("/a/empty", 10, 0, handle) == b""
    assert tree.release("/a/empty", handle) == 0
