"""Rows of buckets and object versions, on both databases."""

from __future__ import annotations

from sagewright.store.database import Database
from sagewright.store.objects import buckets, objects, uploads
from sagewright.store.objects.buckets import Bucket
from sagewright.store.objects.objects import Span, Version
from sagewright.store.objects.uploads import Upload, UploadPart


def version(key: str, name: str = "null", blob: str | None = "blob") -> Version:
    return Version("b", key, 0, name, True, blob is None, blob, 1, "etag", 5, {"h": 1}, {"m": "1"}, {"t": "1"})


def test_the_newest_version_comes_first(database: Database) -> None:
    with database.write() as connection:
        for name in ("one", "two", "three"):
            newest = objects.current(connection, "b", "k")
            objects.push(connection, version("k", name), newest.rank if newest else None)
        assert objects.current(connection, "b", "k") == objects.find(connection, "b", "k", "three")
        found = objects.find(connection, "b", "k", "one")
        assert found is not None
        assert (found.latest, found.headers, found.tags, found.parts) == (False, {"h": 1}, {"t": "1"}, [])
        newest = objects.current(connection, "b", "k")
        assert newest is not None
        objects.remove(connection, newest)
        newest = objects.current(connection, "b", "k")
        assert newest is not None
        assert (newest.version, newest.latest) == ("two", True)
        assert objects.replace(connection, newest, version("k", "four")).rank == newest.rank
        objects.change(connection, version("k", "four"), {"tags": {}})
        kept = [(v.version, v.tags) for v in objects.scan(connection, "b", Span("", True, None), 9)]
        assert kept == [("four", {}), ("one", {"t": "1"})]


def test_keys_are_in_the_order_of_their_bytes(database: Database) -> None:
    keys = ["a", "a/", "a/b", "a0", "B", "ü", "\uffff", "\U0001f600", " ", "~"]
    with database.write() as connection:
        for key in keys:
            objects.push(connection, version(key), None)
        objects.push(connection, version("gone", "x", blob=None), None)
        found = objects.entries(connection, "b", Span("", True, None), 99, versions=False)
        assert [v.key for v in found] == sorted(keys, key=str.encode)
        some = objects.entries(connection, "b", Span("a", False, "b"), 2, versions=False)
        assert [v.key for v in some] == ["a/", "a/b"]


def test_blobs_that_are_needed(database: Database) -> None:
    with database.write() as connection:
        objects.push(connection, version("k", blob="of an object"), None)
        uploads.add(connection, Upload("u", "b", "k", 1, {}, {}, {}, None, None))
        assert uploads.put_part(connection, UploadPart("u", 1, "of a part", 1, "e", 1, {})) is None
        assert uploads.put_part(connection, UploadPart("u", 1, "of a newer part", 1, "e", 1, {})) == "of a part"
        requested = ["of an object", "of a part", "of a newer part", *map(str, range(1200))]
        assert objects.referenced(connection, requested) == {"of an object", "of a newer part"}
        assert uploads.finish(connection, "u", "null", 7) == ["of a newer part"]
        assert uploads.forget_finished(connection, 7, 10) == 0
        assert uploads.find(connection, "u") is not None
        assert uploads.forget_finished(connection, 8, 10) == 1
        assert uploads.find(connection, "u") is None


def test_buckets(database: Database) -> None:
    with database.write() as connection:
        for name in ("b-1", "b-2", "B", "c"):
            buckets.add(connection, Bucket(name, "1", "r", 1, "Off", {"kind": {"a": [1]}}))
        assert [b.name for b in buckets.page(connection, "b-", "", 9)] == ["b-1", "b-2"]
        assert [b.name for b in buckets.page(connection, "", "B", 2)] == ["b-1", "b-2"]
        buckets.change(connection, "c", {"versioning": "Enabled"})
        found = buckets.hold(connection, "c")
        assert found is not None
        assert (found.versioning, found.configuration) == ("Enabled", {"kind": {"a": [1]}})
        uploads.add(connection, Upload("u", "c", "k", 1, {}, {}, {}, None, None))
        assert buckets.is_empty(connection, "c")
        assert uploads.unfinished(connection, "c") == ["u"]
        uploads.finish(connection, "u", "null", 1)
        assert uploads.unfinished(connection, "c") == []
        buckets.remove(connection, "c")
        assert buckets.find(connection, "c") is None
        assert buckets.lock(connection, "c") is None
