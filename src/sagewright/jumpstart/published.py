"""Objects of the catalogue's bucket: their keys, and each one's bytes."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from sagewright.jumpstart import archives, keys, specs
from sagewright.jumpstart.awsmodels import aws_models
from sagewright.jumpstart.entries import CatalogueEntry, entries
from sagewright.jumpstart.keys import KeyKind, ModelKey
from sagewright.jumpstart.offers import offers

_EULA = (
    "The licence of {id} is its publisher's: {source}\n\nSagewright holds neither the licence's text nor the weights. It has to be "
    "accepted there before the weights are added here.\n"
)


def body(key: str, region: str) -> bytes | None:
    """Returns the object that the catalogue has under `key`, or None."""
    if key == keys.MANIFEST:
        return _dumped(specs.manifest())
    if key == keys.PROPRIETARY_MANIFEST:
        return _dumped(specs.proprietary_manifest())
    if key.startswith(_PAYLOADS):
        return _payloads().get(key.removeprefix(_PAYLOADS))
    found = keys.parse_key(key)
    return None if found is None else _of_model(found, region)


def _of_model(key: ModelKey, region: str) -> bytes | None:
    sold = aws_models().get(key.id)
    if key.kind is KeyKind.SPEC and sold is not None and sold.proprietary and sold.version == key.version:
        return _dumped(specs.proprietary_spec(sold, region))
    entry = offers().get(key.id)
    if entry is None or entry.version != key.version:
        return None
    if key.kind is KeyKind.SPEC:
        return _dumped(specs.spec(entry, region))
    if key.kind is KeyKind.EULA:
        return _EULA.format(id=entry.id, source=entry.source).encode() if entry.gated else None
    if not entry.scripts:
        return None
    if key.kind is KeyKind.TRAINING_SCRIPT:
        return archives.training_archive(entry) if entry.tunable else None
    if key.kind is KeyKind.SERVING_SCRIPT:
        return archives.serving_archive(entry)
    return archives.model_files(entry).get(key.path)


def digest(region: str) -> str:
    """Returns the sha256 of all objects, in hexadecimal."""
    found = hashlib.sha256()
    for key in all_keys():
        found.update(f"{key}\0".encode() + (body(key, region) or b""))
    return found.hexdigest()


def model_keys(entry: CatalogueEntry) -> Iterator[str]:
    """Yields the keys of a model's files and scripts; none for one that has no scripts here."""
    if not entry.scripts:
        return
    prefix = keys.model_prefix(entry.id, entry.version)
    yield from (prefix + path for path in archives.model_files(entry))
    yield keys.script_key(entry.id, entry.version, KeyKind.SERVING_SCRIPT)
    if entry.tunable:
        yield keys.script_key(entry.id, entry.version, KeyKind.TRAINING_SCRIPT)


def all_keys() -> Iterator[str]:
    """Yields the key of every object."""
    yield from (keys.MANIFEST, keys.PROPRIETARY_MANIFEST)
    yield from (_PAYLOADS + name for name in _payloads())
    for entry in offers().values():
        yield keys.spec_key(entry.id, entry.version)
        if entry.gated:
            yield keys.eula_key(entry.id, entry.version)
    for entry in entries().values():
        yield from model_keys(entry)
    sold = (each for each in aws_models().values() if each.proprietary)
    yield from (keys.spec_key(each.id, each.version, proprietary=True) for each in sold)


_PAYLOADS = keys.payload_key("")


@functools.cache
def _payloads() -> Mapping[str, bytes]:
    folder = resources.files(__name__.rpartition(".")[0]) / "catalogue" / "payloads"
    return {each.name: each.read_bytes() for each in folder.iterdir()} if folder.is_dir() else {}


def _dumped(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
