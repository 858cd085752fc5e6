"""The bucket of JumpStart's catalogue, `jumpstart-cache-prod-<region>`: its objects are written when someone first reads them.

A start of the server costs nothing that way, and an upgraded catalogue replaces the objects of the release before at their first
read. Objects that `sagewright models add` has added stay.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sagewright.jumpstart import keys, published
from sagewright.jumpstart.entries import CatalogueEntry
from sagewright.model.errors import AwsError
from sagewright.objects.access import ObjectStore
from sagewright.services.context import Context

_current: set[tuple[int, str, str]] = set()
"""(store, bucket, key) of objects that this process has compared with its catalogue."""
_READ = frozenset({"GetObject", "HeadObject", "GetObjectAttributes", "GetObjectTagging"})
_LISTED = frozenset({"ListObjects", "ListObjectsV2", "ListObjectVersions"})
_MOST = 16 << 20


def prepare(context: Context, operation: str, request: dict[str, Any]) -> None:
    """Writes the objects that a request to S3 is about to read, if it names a bucket of the catalogue."""
    bucket, source = request.get("Bucket"), request.get("CopySource")
    if context.principal.anonymous:
        return
    objects = context.platform.objects
    if isinstance(bucket, str) and keys.is_content_bucket(bucket):
        if operation in _READ:
            provide(objects, bucket, request["Key"])
        elif operation in _LISTED:
            provide_all(objects, bucket, request.get("Prefix") or "")
        elif operation == "HeadBucket":
            objects.make_bucket(bucket)
        else:
            _forget(bucket)
    if isinstance(source, str):
        name, _, key = source.lstrip("/").partition("/")
        if keys.is_content_bucket(name):
            provide(objects, name, key)


def provide(objects: ObjectStore, bucket: str, key: str) -> None:
    """Makes the bucket, and in it the object that the catalogue has under `key`, if any. Raises AwsError."""
    if (id(objects), bucket, key) in _current and objects.exists_any(bucket, key):  # another server may delete it
        return
    objects.make_bucket(bucket)
    _write(objects, bucket, key)


def _write(objects: ObjectStore, bucket: str, key: str, *, there: bool = True) -> None:
    """Writes an object unless it is there already, with the same bytes. `there`: False if it is known not to be."""
    body = published.body(key, bucket.rpartition("-prod-")[2])
    if body is None:
        return
    if not there or not _same(objects, bucket, key, body):
        objects.write_bytes(bucket, key, body, _media_type(key))
    _current.add((id(objects), bucket, key))


def provide_all(objects: ObjectStore, bucket: str, prefix: str = "") -> None:
    """Makes the bucket, and writes every object of the catalogue under the prefix."""
    objects.make_bucket(bucket)
    there = {key for key, _ in objects.list_keys(bucket, prefix)}
    for key in published.all_keys():
        current = key in there and (id(objects), bucket, key) in _current
        if key.startswith(prefix) and not current:
            _write(objects, bucket, key, there=key in there)


def publish(objects: ObjectStore, region: str) -> None:
    """Writes the whole catalogue unless the bucket already contains this release's. Raises AwsError."""
    bucket, said = keys.content_bucket(region), published.digest(region).encode()
    if not _same(objects, bucket, keys.DIGEST, said):
        provide_all(objects, bucket)
        objects.write_bytes(bucket, keys.DIGEST, said, "text/plain")


def provide_model(objects: ObjectStore, entry: CatalogueEntry, region: str) -> None:
    """Writes a model's files, and the scripts that train and serve it."""
    scripts, model = (keys.content_bucket(region, gated=gated) for gated in (False, entry.gated))
    prefix = keys.model_prefix(entry.id, entry.version)
    for key in published.model_keys(entry):
        provide(objects, model if key.startswith(prefix) else scripts, key)


def _forget(bucket: str) -> None:
    """Has the bucket's objects compared again at their next read: one may be deleted or replaced."""
    _current.difference_update([mark for mark in tuple(_current) if mark[1] == bucket])


def _same(objects: ObjectStore, bucket: str, key: str, body: bytes) -> bool:
    try:
        there = objects.read_bytes(bucket, key, _MOST)
    except AwsError as error:
        if error.status >= 500:
            raise
        return False
    return hashlib.sha256(there).digest() == hashlib.sha256(body).digest()


def _media_type(key: str) -> str:
    if key.endswith(".json"):
        return "application/json"
    return "text/plain" if key.endswith((".txt", ".py")) else "application/octet-stream"
