"""Puts and deletions under the three states of versioning, with conditions, and from many threads."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sagewright.model.errors import AwsError
from sagewright.objects.bucketstore import BucketStore
from sagewright.objects.contents import VersionToDelete
from sagewright.objects.listing import ListingQuery
from sagewright.objects.placing import Properties, PutConditions
from sagewright.store.objects.objects import Version


def put(objects: BucketStore, data: bytes, conditions: PutConditions = PutConditions(), key: str = "k") -> Version:  # noqa: B008
    with objects.blobs.receive(io.BytesIO(data)) as blob:
        return objects.contents.put("b", key, blob, Properties(user_metadata={"n": "1"}), conditions)


def history(objects: BucketStore) -> list[tuple[str, bool, bool]]:
    return [(v.version, v.latest, v.delete_marker) for v in objects.listing.versions("b", ListingQuery()).entries]


def blob_count(objects: BucketStore, tmp_path: Path) -> int:
    objects.blobs.empty_trash(float("inf"))
    return len(list((tmp_path / "objects" / "blobs").glob("*/*")))


def test_without_versioning_a_put_replaces(objects: BucketStore, tmp_path: Path) -> None:
    first = put(objects, b"one")
    second = put(objects, b"two")
    assert history(objects) == [("null", True, False)]
    assert objects.read_bytes("b", "k") == b"two"
    assert second.etag != first.etag
    assert blob_count(objects, tmp_path) == 1
    objects.contents.delete("b", "k")
    objects.contents.delete("b", "k")
    assert history(objects) == []
    assert blob_count(objects, tmp_path) == 0


def test_enabled_keeps_all_and_marks_deletions(objects: BucketStore, tmp_path: Path) -> None:
    put(objects, b"zero")
    objects.buckets.set_versioning("b", "Enabled")
    one = put(objects, b"one").version
    deletion = objects.contents.delete("b", "k")
    again = objects.contents.delete("b", "k")
    assert history(objects) == [
        (again.marker, True, True),
        (deletion.marker, False, True),
        (one, False, False),
        ("null", False, False),
    ]
    with pytest.raises(AwsError) as caught:
        objects.contents.find("b", "k")
    assert caught.value.fields["@x-amz-delete-marker"] == "true"
    for marker in (again.marker, deletion.marker):
        assert objects.contents.delete("b", "k", marker).marker == marker
    assert objects.read_bytes("b", "k") == b"one"
    objects.contents.delete("b", "k", one)
    assert history(objects) == [("null", True, False)]
    assert objects.contents.delete("b", "k", "never was").version == "never was"
    assert blob_count(objects, tmp_path) == 1


def test_suspended_replaces_the_null_version_alone(objects: BucketStore, tmp_path: Path) -> None:
    put(objects, b"zero")
    objects.buckets.set_versioning("b", "Enabled")
    one = put(objects, b"one").version
    objects.buckets.set_versioning("b", "Suspended")
    put(objects, b"two")
    assert history(objects) == [("null", True, False), (one, False, False)]
    put(objects, b"three")
    assert history(objects) == [("null", True, False), (one, False, False)]
    assert objects.read_bytes("b", "k") == b"three"
    assert objects.contents.delete("b", "k").marker == "null"
    assert history(objects) == [("null", True, True), (one, False, False)]
    assert blob_count(objects, tmp_path) == 1


def test_conditions(objects: BucketStore) -> None:
    first = put(objects, b"one", PutConditions(if_none_match="*"))
    for refused in (PutConditions(if_none_match="*"), PutConditions(if_match='"other"')):
        with pytest.raises(AwsError) as caught:
            put(objects, b"two", refused)
        assert (caught.value.code, caught.value.status) == ("PreconditionFailed", 412)
    with pytest.raises(AwsError) as caught:
        put(objects, b"two", PutConditions(if_match="*"), key="none")
    assert caught.value.code == "NoSuchKey"
    assert objects.read_bytes("b", "k") == b"one"
    put(objects, b"two", PutConditions(if_match=f'"{first.etag}"'))
    assert objects.read_bytes("b", "k") == b"two"


def test_one_of_many_creates(objects: BucketStore) -> None:
    def create(n: int) -> bool:
        try:
            put(objects, str(n).encode(), PutConditions(if_none_match="*"))
        except AwsError as error:
            assert error.code == "PreconditionFailed"
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(24))) == 1


@pytest.mark.parametrize("versioning", ["Off", "Enabled"])
def test_many_writers_of_one_key(objects: BucketStore, tmp_path: Path, versioning: str) -> None:
    if versioning == "Enabled":
        objects.buckets.set_versioning("b", versioning)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: put(objects, str(n).encode()), range(24)))
    latest = [entry for entry in history(objects) if entry[1]]
    assert len(latest) == 1
    count = 24 if versioning == "Enabled" else 1
    assert len(history(objects)) == count
    assert blob_count(objects, tmp_path) == count


def test_a_bucket_goes_only_when_empty(objects: BucketStore) -> None:
    def race(n: int) -> str:
        try:
            if n % 2:
                objects.buckets.delete("b")
            else:
                put(objects, b"x", key=str(n))
        except AwsError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(race, range(16)))
    assert set(answers[::2]) in ({"done"}, {"NoSuchBucket"})
    assert set(answers[1::2]) <= {"BucketNotEmpty", "done", "NoSuchBucket"}


def test_many_deletions_in_one(objects: BucketStore) -> None:
    for key in "abc":
        put(objects, b"x", key=key)
    done = objects.contents.delete_many(
        "b", [VersionToDelete("a"), VersionToDelete("none"), VersionToDelete("a"), VersionToDelete("c")]
    )
    assert [deletion.key for deletion in done] == ["a", "none", "a", "c"]
    assert [key for key, _ in objects.list_keys("b", "")] == ["b"]


def test_no_bucket_no_put(objects: BucketStore, tmp_path: Path) -> None:
    with pytest.raises(AwsError) as caught:
        objects.write_bytes("none", "k", b"x")
    assert (caught.value.code, caught.value.fields) == ("NoSuchBucket", {"BucketName": "none"})
    assert blob_count(objects, tmp_path) == 0


def test_names_belong_to_one_account(objects: BucketStore) -> None:
    with pytest.raises(AwsError) as caught:
        objects.buckets.create("b")
    assert caught.value.code == "BucketAlreadyOwnedByYou"
    stranger = BucketStore(objects.buckets.store, objects.blobs.path("x").parent.parent.parent, "off", "1" * 12, "r")
    with pytest.raises(AwsError) as caught:
        stranger.buckets.create("b")
    assert caught.value.code == "BucketAlreadyExists"
