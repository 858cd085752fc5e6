"""Lists against a model of them that sorts everything in memory."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.model.errors import AwsError
from sagewright.objects.bucketstore import BucketStore
from sagewright.objects.listing import ListingQuery, ObjectPage, successor

KEYS = [
    "a",
    "a/",
    "a/b",
    "a//c",
    "a0",
    "b/1/x",
    "b/1/y",
    "b/2",
    "b/é",
    "ü",
    "z\U0010ffff",
    "z\U0010ffff/x",
    "\ue000",
    "\U0001f600",
]


@given(st.text(min_size=1), st.text())
def test_the_successor_of_a_prefix(prefix: str, rest: str) -> None:
    after = successor(prefix)
    assert after is None or prefix + rest < after
    assert after is None or not after.startswith(prefix)


def pages(objects: BucketStore, requested: ListingQuery, marker: str = "") -> list[ObjectPage]:
    found = []
    while True:
        page = objects.listing.keys("b", requested, marker)
        found.append(page)
        if not page.truncated:
            return found
        marker = page.next_key


def expected(keys: list[str], requested: ListingQuery, marker: str = "") -> list[str]:
    """Keys and common prefixes in order, made the slow way."""
    found: dict[str, None] = {}
    for key in sorted(keys, key=str.encode):
        if not key.startswith(requested.prefix) or key.encode() <= marker.encode():
            continue
        at = key.find(requested.delimiter, len(requested.prefix)) if requested.delimiter else -1
        found[key if at < 0 else key[: at + len(requested.delimiter)]] = None
    return list(found)


@pytest.mark.sampled(40)
@pytest.mark.parametrize("prefix", ["", "a", "a/", "b/", "b/1", "z\U0010ffff", "none"])
@pytest.mark.parametrize("delimiter", ["", "/", "é", "//"])
@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_pages(filled: BucketStore, prefix: str, delimiter: str, limit: int) -> None:
    requested = ListingQuery(prefix, delimiter, limit)
    found = pages(filled, requested)
    assert all(page.count == limit for page in found[:-1])
    merged = [key for page in found for key in sorted([*(v.key for v in page.entries), *page.prefixes], key=str.encode)]
    assert merged == expected(KEYS, requested)


@pytest.fixture
def filled(objects: BucketStore) -> BucketStore:
    for key in random.sample(KEYS, len(KEYS)):
        objects.write_bytes("b", key, key.encode())
    return objects


def test_a_marker_inside_a_common_prefix(filled: BucketStore) -> None:
    """It has been returned completely, as after the common prefix itself."""
    assert filled.listing.keys("b", ListingQuery(delimiter="/"), "b/1/x").prefixes == ["z\U0010ffff/"]
    assert filled.listing.keys("b", ListingQuery(delimiter="/"), "b/").prefixes == ["z\U0010ffff/"]


def test_long_common_prefixes_are_jumped_over(objects: BucketStore) -> None:
    for n in range(250):
        objects.write_bytes("b", f"long/{n:04}", b"")
    objects.write_bytes("b", "m", b"")
    page = objects.listing.keys("b", ListingQuery(delimiter="/", limit=2))
    assert (page.prefixes, [v.key for v in page.entries], page.truncated) == (["long/"], ["m"], False)
    assert len(list(objects.listing.all_keys("b", "long/"))) == 250


def test_versions_in_pages_of_each_size(objects: BucketStore) -> None:
    objects.buckets.set_versioning("b", "Enabled")
    for n in range(5):
        for key in ("a", "b", "c/x"):
            objects.write_bytes("b", key, str(n).encode())
    objects.contents.delete("b", "b")
    whole = objects.listing.versions("b", ListingQuery()).entries
    assert [(v.key, v.latest, v.delete_marker) for v in whole[4:8]] == [
        ("a", False, False),
        ("b", True, True),
        ("b", False, False),
        ("b", False, False),
    ]
    for limit in (1, 3, 7):
        found, marker, version = [], "", None
        while True:
            page = objects.listing.versions("b", ListingQuery(limit=limit), marker, version)
            found += page.entries
            if not page.truncated:
                break
            marker, version = page.next_key, page.next_version
        assert found == whole
    assert [v.key for v in objects.listing.keys("b", ListingQuery()).entries] == ["a", "c/x"]


def test_no_bucket(objects: BucketStore) -> None:
    with pytest.raises(AwsError) as caught:
        objects.listing.keys("none", ListingQuery())
    assert caught.value.code == "NoSuchBucket"


def test_what_other_layers_ask(filled: BucketStore) -> None:
    assert list(filled.list_keys("b", "a")) == [("a", 1), ("a/", 2), ("a//c", 4), ("a/b", 3), ("a0", 2)]
    assert filled.exists_any("b", "a//")
    assert not filled.exists_any("b", "a///")
    assert filled.read_bytes("b", "ü") == "ü".encode()
    with pytest.raises(AwsError) as caught:
        filled.read_bytes("b", "none")
    assert caught.value.code == "NoSuchKey"
