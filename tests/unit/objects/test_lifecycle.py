"""Sweeps with a clock that is set: what is due goes, all else stays."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest

from sagewright.model.clock import now_ms
from sagewright.objects import lifecycle, listing, rules
from sagewright.objects.bucketstore import BucketStore
from sagewright.objects.lifecycle import Swept
from sagewright.objects.listing import ListingQuery
from sagewright.objects.locks import HOLD, ON
from sagewright.objects.placing import Properties
from sagewright.store.objects.uploads import UploadCursor

PAST = datetime(2001, 1, 1, tzinfo=UTC).isoformat()


def rule(**members: Any) -> dict[str, Any]:
    return {"Status": "Enabled", "Filter": {"Prefix": ""}, **members}


def sweep(objects: BucketStore, days: int, *wanted: dict[str, Any]) -> Swept:
    """Sweep as if `days` midnights had passed."""
    objects.buckets.configure("b", "lifecycle", {"Rules": list(wanted)})
    objects.lifecycle.clock = lambda: now_ms() + days * rules.DAY_MS
    return objects.lifecycle.sweep()


def put(objects: BucketStore, key: str, data: bytes = b"x", **tags: str) -> None:
    with objects.blobs.receive(io.BytesIO(data)) as blob:
        objects.contents.put("b", key, blob, Properties(tags=tags))


def keys(objects: BucketStore) -> list[str]:
    return [version.key for version in objects.listing.all_keys("b", "")]


def versions(objects: BucketStore, key: str = "") -> list[tuple[str, bool]]:
    return [
        (version.key, version.delete_marker) for version in objects.listing.versions("b", ListingQuery(key)).entries
    ]


def test_days_are_waited_for(objects: BucketStore) -> None:
    put(objects, "a")
    assert sweep(objects, 2, rule(Expiration={"Days": 2})) == Swept()
    assert keys(objects) == ["a"]
    assert sweep(objects, 3, rule(Expiration={"Days": 2})) == Swept(objects=1)
    assert keys(objects) == []


def test_a_date_that_has_passed_ends_all_it_matches(objects: BucketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_BATCH", 7)
    monkeypatch.setattr(lifecycle, "BATCH", 3)
    for n in range(40):
        put(objects, f"old/{n}")
    put(objects, "new")
    assert sweep(objects, 0, rule(Filter={"Prefix": "old/"}, Expiration={"Date": PAST})) == Swept(objects=40)
    assert keys(objects) == ["new"]


def test_disabled_rules_and_transitions_do_nothing(objects: BucketStore) -> None:
    put(objects, "a")
    off = rule(Status="Disabled", Expiration={"Date": PAST})
    assert sweep(objects, 400, off, rule(Transitions=[{"Days": 1, "StorageClass": "GLACIER"}])) == Swept()
    assert keys(objects) == ["a"]


def test_tags_and_sizes_have_to_hold_together(objects: BucketStore) -> None:
    put(objects, "small", b"x", kind="tmp")
    put(objects, "large", b"x" * 100, kind="tmp")
    put(objects, "other", b"x" * 100, kind="keep")
    both = {"Tags": [{"Key": "kind", "Value": "tmp"}], "ObjectSizeGreaterThan": 50}
    sweep(objects, 2, rule(Filter={"And": both}, Expiration={"Days": 1}))
    assert keys(objects) == ["other", "small"]
    sweep(objects, 2, rule(Filter={"ObjectSizeLessThan": 2}, Expiration={"Days": 1}))
    assert keys(objects) == ["other"]


def test_a_versioned_object_gets_a_delete_marker(objects: BucketStore) -> None:
    objects.buckets.set_versioning("b", "Enabled")
    put(objects, "a")
    sweep(objects, 2, rule(Expiration={"Days": 1}))
    assert versions(objects) == [("a", True), ("a", False)]
    assert sweep(objects, 0, rule(Expiration={"Date": PAST})) == Swept(), "the marker is not alone"


def test_newer_noncurrent_versions_are_kept(objects: BucketStore) -> None:
    objects.buckets.set_versioning("b", "Enabled")
    for n in range(6):
        put(objects, "a", bytes([n]))
    wanted = rule(NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 2})
    assert sweep(objects, 1, wanted) == Swept()
    assert sweep(objects, 2, wanted) == Swept(versions=3)
    assert objects.read_bytes("b", "a") == bytes([5])
    assert len(versions(objects)) == 3


def test_a_locked_version_stays(objects: BucketStore) -> None:
    objects.buckets.set_versioning("b", "Enabled")
    objects.buckets.set_locks("b", {"ObjectLockEnabled": "Enabled"})
    put(objects, "a", b"1")
    first = objects.contents.find("b", "a")
    objects.contents.change_headers(first, lambda headers: headers | {HOLD: ON})
    for n in range(2):
        put(objects, "a", bytes([n]))
    wanted = rule(NoncurrentVersionExpiration={"NoncurrentDays": 1})
    assert sweep(objects, 2, wanted) == Swept(versions=1)
    assert first.version in {v.version for v in objects.listing.versions("b", ListingQuery("a")).entries}


def test_a_marker_that_is_alone_goes(objects: BucketStore) -> None:
    objects.buckets.set_versioning("b", "Enabled")
    for key in ("a", "b"):
        put(objects, key)
        objects.contents.delete("b", key)
    first = objects.listing.versions("b", ListingQuery("a")).entries[1]
    objects.contents.delete("b", "a", first.version)
    assert sweep(objects, 0, rule(Expiration={"ExpiredObjectDeleteMarker": True})) == Swept(markers=1)
    assert versions(objects) == [("b", True), ("b", False)]


def test_unfinished_uploads_are_aborted_and_their_parts_freed(objects: BucketStore) -> None:
    upload = objects.uploads.create("b", "a", Properties())
    with objects.blobs.receive(io.BytesIO(b"part")) as blob:
        objects.uploads.put_part(upload, 1, blob)
    wanted = rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1})
    assert sweep(objects, 1, wanted) == Swept()
    assert sweep(objects, 2, wanted) == Swept(uploads=1)
    assert objects.listing.uploads("b", ListingQuery(), UploadCursor()).entries == []
    objects.blobs.empty_trash(float("inf"))
    assert not objects.blobs.path(blob.id).exists()


def test_what_is_put_again_between_look_and_deletion_stays(
    objects: BucketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(objects, "a", b"old")
    end = objects.lifecycle._end

    def put_first(*given: Any) -> None:
        put(objects, "a", b"new")
        end(*given)

    monkeypatch.setattr(objects.lifecycle, "_end", put_first)
    assert sweep(objects, 5, rule(Expiration={"Days": 1})).objects == 0
    assert objects.read_bytes("b", "a") == b"new"


def test_rules_are_read_anew_when_they_change(objects: BucketStore) -> None:
    assert objects.lifecycle.rules("b") == []
    for days in (3, 5):
        objects.buckets.configure("b", "lifecycle", {"Rules": [rule(ID="r", Expiration={"Days": days})]})
        assert [one.days for one in objects.lifecycle.rules("b")] == [days]
    objects.buckets.configure("b", "lifecycle", None)
    assert objects.lifecycle.rules("b") == []
