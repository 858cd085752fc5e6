"""The catalogue in another S3: written once, and again only when it has changed."""

from __future__ import annotations

import pytest

from sagewright.jumpstart import published
from sagewright.model.errors import AwsError
from sagewright.services import catalogue_bucket


class MemoryObjects:
    """The parts of an ObjectStore that publishing uses."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], bytes] = {}
        self.writes = 0

    def make_bucket(self, bucket: str) -> None:
        assert bucket == "jumpstart-cache-prod-eu-west-1"

    def exists_any(self, bucket: str, prefix: str) -> bool:
        return any(where == bucket and key.startswith(prefix) for where, key in self.stored)

    def list_keys(self, bucket: str, prefix: str) -> list[tuple[str, int]]:
        return [
            (key, len(data)) for (where, key), data in self.stored.items() if where == bucket and key.startswith(prefix)
        ]

    def read_bytes(self, bucket: str, key: str, most: int) -> bytes:
        if (bucket, key) not in self.stored:
            raise AwsError("NoSuchKey", "none", 404)
        assert len(self.stored[bucket, key]) <= most
        return self.stored[bucket, key]

    def write_bytes(self, bucket: str, key: str, data: bytes, content_type: str) -> None:
        assert content_type
        self.stored[bucket, key] = data
        self.writes += 1


def test_it_is_written_once_and_again_when_it_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = MemoryObjects()
    catalogue_bucket.publish(objects, "eu-west-1")  # type: ignore[arg-type]
    count = len(list(published.all_keys()))
    assert objects.writes == count + 1
    catalogue_bucket.publish(objects, "eu-west-1")  # type: ignore[arg-type]
    assert objects.writes == count + 1
    monkeypatch.setattr(published, "digest", lambda _region: "of the next release")
    monkeypatch.setattr(catalogue_bucket, "_current", set())
    objects.stored["jumpstart-cache-prod-eu-west-1", "models_manifest.json"] = b"older"
    catalogue_bucket.publish(objects, "eu-west-1")  # type: ignore[arg-type]
    assert objects.writes == count + 3


def test_what_another_server_has_deleted_is_written_again() -> None:
    objects, bucket, key = MemoryObjects(), "jumpstart-cache-prod-eu-west-1", "models_manifest.json"
    catalogue_bucket.provide(objects, bucket, key)  # type: ignore[arg-type]
    catalogue_bucket.provide(objects, bucket, key)  # type: ignore[arg-type]
    assert objects.writes == 1
    del objects.stored[bucket, key]
    catalogue_bucket.provide(objects, bucket, key)  # type: ignore[arg-type]
    del objects.stored[bucket, key]
    catalogue_bucket.provide_all(objects, bucket, "models_")  # type: ignore[arg-type]
    assert objects.writes == 3
