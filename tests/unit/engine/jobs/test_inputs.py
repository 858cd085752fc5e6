"""Answers to agents beside the object store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sagewright.engine.jobs import inputs
from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings
from sagewright.objects.bucketstore import BucketStore
from sagewright.store.database import Database


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


@pytest.fixture
def objects(database: Database, settings: Settings) -> BucketStore:
    store = BucketStore(database, settings.data / "objects", "off", "000000000000", "us-east-1")
    store.buckets.create("b", "us-east-1")
    for key in ("a/1", "a/2", "a/3", "a/4", "c"):
        store.write_bytes("b", key, b"old")
        store.write_bytes("b", key, key.encode())
    store.contents.delete("b", "a/4")
    return store


def ask(settings: Settings, objects: BucketStore, **question: Any) -> dict[str, Any]:
    proof = inputs.proof_file(settings).read_text()
    return inputs.look_up(settings, objects, {"proof": proof, **question})


def test_pages_of_a_prefix(settings: Settings, objects: BucketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "PAGE", 2)
    first = ask(settings, objects, bucket="b", prefix="a/", after="")
    assert [(key, size, Path(file).read_text()) for key, size, file in first["found"]] == [
        ("a/1", 3, "a/1"),
        ("a/2", 3, "a/2"),
    ]
    second = ask(settings, objects, bucket="b", prefix="a/", after=first["next"])
    assert [key for key, _size, _file in second["found"]] == ["a/3"]
    everything = ask(settings, objects, bucket="b", prefix="", after="")["found"]
    assert [key for key, _size, _file in everything] == ["a/1", "a/2"]
    assert second["next"] is None


def test_named_objects_in_their_order(settings: Settings, objects: BucketStore) -> None:
    found = ask(settings, objects, names=[["b", "c"], ["b", "a/1"]])["found"]
    assert [(size, Path(file).read_text()) for size, file in found] == [(1, "c"), (3, "a/1")]


def test_the_proof_is_kept_and_only_its_owner_can_read_it(settings: Settings) -> None:
    proof = inputs.proof_file(settings)
    assert proof.stat().st_mode & 0o777 == 0o600
    assert len(proof.read_text()) == 64
    assert inputs.proof_file(settings).read_text() == proof.read_text()
    assert [path.name for path in proof.parent.iterdir()] == ["proof"]


@pytest.mark.parametrize("proof", ["", "x", "\u00e9"])
def test_without_the_proof_nothing_is_told(settings: Settings, objects: BucketStore, proof: str) -> None:
    with pytest.raises(inputs.NotBeside):
        inputs.look_up(settings, objects, {"proof": proof, "bucket": "b", "prefix": "", "after": ""})


def test_what_is_not_there_is_an_error(settings: Settings, objects: BucketStore) -> None:
    with pytest.raises(AwsError) as caught:
        ask(settings, objects, names=[["b", "missing"]])
    assert caught.value.code == "NoSuchKey"
    with pytest.raises(AwsError) as caught:
        ask(settings, objects, bucket="missing", prefix="", after="")
    assert caught.value.code == "NoSuchBucket"
