"""The server's reads, writes and lists of objects: alike in the embedded store and in another S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings
from sagewright.objects.access import ANY_TYPE, Access, ObjectStore
from sagewright.objects.bucketstore import BucketStore
from sagewright.objects.external import ExternalStore
from sagewright.store.database import Database

if TYPE_CHECKING:
    from conftest import RunningServer

BUCKET = "object-access"


@pytest.fixture(params=["embedded", "external"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    """A store with an empty bucket. The other S3 is a server of ours, which the conformance checks hold against SeaweedFS."""
    if request.param == "embedded":
        settings, database = Settings(data=tmp_path), Database(f"sqlite:///{tmp_path / 'store.sqlite'}")
        store = BucketStore(database, tmp_path / "objects", "off", settings.account, settings.region)
        store.buckets.create(BUCKET)
        yield store
        database.close()
        return
    server: RunningServer = request.getfixturevalue("server")
    s3 = server.boto("s3")
    s3.create_bucket(Bucket=BUCKET)
    yield ExternalStore(Access(server.endpoint, "us-east-1", *server.key()))
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for found in page.get("Contents", []):
            s3.delete_object(Bucket=BUCKET, Key=found["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def code(act: object, *arguments: object) -> str:
    with pytest.raises(AwsError) as caught:
        act(*arguments)  # type: ignore[operator]
    return caught.value.code


def test_what_is_written_is_read(objects: ObjectStore) -> None:
    for data in (b"", b"small", b"x" * 300_000):
        objects.write_bytes(BUCKET, "some/key", data)
        assert objects.read_bytes(BUCKET, "some/key") == data
    assert objects.content_type(BUCKET, "some/key") == ANY_TYPE
    assert abs(objects.modified_ms(BUCKET, "some/key") - now_ms()) < 60_000
    with pytest.raises(AwsError) as missing:
        objects.modified_ms(BUCKET, "nothing")
    assert missing.value.status == 404
    objects.write_bytes(BUCKET, "some/typed", b"[]", "application/json")
    assert objects.content_type(BUCKET, "some/typed") == "application/json"
    assert objects.exists_any(BUCKET, "some/")
    assert not objects.exists_any(BUCKET, "other")


def test_lists_are_whole_and_in_order(objects: ObjectStore) -> None:
    for number in range(1005):
        objects.write_bytes(BUCKET, f"many/{number:04}", b"x" * (number % 3))
    objects.write_bytes(BUCKET, "man", b"before")
    assert list(objects.list_keys(BUCKET, "many/")) == [(f"many/{n:04}", n % 3) for n in range(1005)]
    assert list(objects.list_keys(BUCKET, "none/")) == []


def test_what_is_not_there_is_told_by_its_code(objects: ObjectStore) -> None:
    objects.write_bytes(BUCKET, "large", b"x" * 101)
    assert code(objects.read_bytes, BUCKET, "large", 100) == "EntityTooLarge"
    assert objects.read_bytes(BUCKET, "large", 101) == b"x" * 101
    assert code(objects.read_bytes, BUCKET, "none") == "NoSuchKey"
    assert code(objects.read_bytes, "no-such-bucket-here", "k") == "NoSuchBucket"
    assert code(objects.write_bytes, "no-such-bucket-here", "k", b"") == "NoSuchBucket"
    assert code(lambda: list(objects.list_keys("no-such-bucket-here", ""))) == "NoSuchBucket"
