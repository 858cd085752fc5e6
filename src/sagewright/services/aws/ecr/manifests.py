"""Manifests: parsed, checked and stored, for PutImage and for pushes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from sagewright.model.clock import now_ms
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings
from sagewright.objects.layers import LayerStore, WrongDigest
from sagewright.store.database import Database
from sagewright.store.objects import ecr
from sagewright.store.objects.ecr import Manifest, Repository

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
LISTS = frozenset(
    {"application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json"}
)
_NOT_DISTRIBUTED = "foreign"


def layer_store(settings: Settings) -> LayerStore:
    return LayerStore(settings.data / "registry", settings.disk_floors_mb)


@dataclass(frozen=True)
class Pushed:
    """A manifest as sent by a client. `tag` and `digest`: as claimed by the client, or None."""

    body: bytes
    media_type: str | None = None
    tag: str | None = None
    digest: str | None = None


def keep_manifest(store: Database, layers: LayerStore, repository: Repository, pushed: Pushed) -> tuple[Manifest, bool]:
    """Stores a manifest; returns it, and True if anything is new.

    Raises InvalidParameterException, ImageDigestDoesNotMatchException, LayersNotFoundException, ReferencedImagesNotFoundException,
    ImageTagAlreadyExistsException.
    """
    digest = f"sha256:{hashlib.sha256(pushed.body).hexdigest()}"
    if pushed.digest not in {None, digest}:
        message = f"The calculated digest '{digest}' does not match the provided digest '{pushed.digest}'"
        raise AwsError("ImageDigestDoesNotMatchException", message)
    document = _parsed(pushed.body)
    kind = pushed.media_type or document.get("mediaType") or OCI
    if kind in LISTS:
        size, needed = _check_list(store, repository, document)
    else:
        size, needed = _check_layers(layers, repository, document)
    manifest = Manifest(repository.name, digest, kind, pushed.body.decode(), size, needed, now_ms())
    immutable = str(repository.settings.get("imageTagMutability", "")).startswith("IMMUTABLE")
    try:
        new = ecr.put(store, manifest, pushed.tag, immutable=immutable)
    except ecr.TagTaken:
        message = (
            f"The image tag '{pushed.tag}' already exists in the '{repository.name}' repository and cannot be overwritten "
            "because the repository is immutable."
        )
        raise AwsError("ImageTagAlreadyExistsException", message) from None
    return ecr.manifest_of(store, repository.name, digest) or manifest, new


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        document = read_json(body)
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("schemaVersion") != 2 or not _is_well_formed(document):
        message = "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"
        raise AwsError("InvalidParameterException", message)
    return document


def _is_well_formed(document: dict[str, Any]) -> bool:
    """Returns True if the members that are read later have the right types."""
    lists = [document.get("layers") or [], document.get("manifests") or []]
    config = document.get("config") or {}
    if not isinstance(config, dict) or not all(isinstance(one, list) for one in lists):
        return False
    blobs = [config, *lists[0], *lists[1]]
    named = all(isinstance(blob, dict) and isinstance(blob.get("digest", ""), str) for blob in blobs)
    return named and all("digest" in entry for entry in lists[1]) and isinstance(document.get("mediaType", ""), str)


def _check_layers(layers: LayerStore, repository: Repository, document: dict[str, Any]) -> tuple[int, list[str]]:
    """Returns the size of the layers in bytes, and all digests including the configuration's."""
    described = [document.get("config") or {}, *(document.get("layers") or [])]
    blobs = [blob for blob in described if _NOT_DISTRIBUTED not in str(blob.get("mediaType"))]
    try:
        sizes = {blob["digest"]: layers.size(blob["digest"]) for blob in blobs}
    except (KeyError, TypeError, WrongDigest) as error:
        message = (
            f"Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'a digest in each part', got {error}"
        )
        raise AwsError("InvalidParameterException", message) from None
    absent = [digest for digest, size in sizes.items() if size is None]
    if absent:
        message = f"Layers with digests '{absent}' required for pushing image into repository with name "
        raise AwsError("LayersNotFoundException", f"{message}'{repository.name}' do not exist")
    own = described[0].get("digest")
    return sum(size or 0 for digest, size in sizes.items() if digest != own), list(sizes)


def _check_list(store: Database, repository: Repository, document: dict[str, Any]) -> tuple[int, list[str]]:
    total = 0
    for entry in document.get("manifests") or []:
        found = ecr.manifest_of(store, repository.name, str(entry.get("digest")))
        if found is None:
            message = (
                f"Images with digests '[{entry.get('digest')}]' required for pushing image into repository with name "
            )
            raise AwsError("ReferencedImagesNotFoundException", f"{message}'{repository.name}' do not exist")
        total += found.size
    return total, []


def members(manifest: Manifest) -> list[str]:
    """Returns the digests of the images in a manifest list; [] for an image."""
    if manifest.media_type not in LISTS:
        return []
    return [entry["digest"] for entry in json.loads(manifest.body).get("manifests") or []]
