"""Keys of the bucket from which SDKs read the catalogue, and their kinds.

Source: SageMaker Python SDK v2, jumpstart/constants.py and region_config.json.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from sagewright.model.aws.regions import is_region

MANIFEST = "models_manifest.json"
DIGEST = "sagewright-catalogue.sha256"
"""An object with the digest of all others, where they were all written together."""
PROPRIETARY_MANIFEST = "proprietary-sdk-manifest.json"
MODELS = "models/"
"""The prefix of all models' files."""
ADDED = "sagewright-added.json"
"""The object next to a model's files that `sagewright models add` writes last."""
_BUCKET = re.compile(r"jumpstart-(?:private-)?cache-prod-(?P<region>[a-z0-9-]+)")


class KeyKind(StrEnum):
    """Kinds of objects of one model."""

    SPEC = "spec"
    EULA = "eula"
    TRAINING_SCRIPT = "transfer_learning"
    SERVING_SCRIPT = "inference"
    MODEL = "model"


class ModelKey(NamedTuple):
    """An object of a model. `path`: its path under the model's prefix, only of kind MODEL."""

    kind: KeyKind
    id: str
    version: str
    path: str = ""


def content_bucket(region: str, *, gated: bool = False) -> str:
    return f"jumpstart-{'private-' if gated else ''}cache-prod-{region}"


def is_content_bucket(name: str) -> bool:
    """True for a name with the format of AWS's, so that the number of such buckets is bounded by that of the regions."""
    found = _BUCKET.fullmatch(name)
    return found is not None and is_region(found["region"])


def spec_key(id_: str, version: str, *, proprietary: bool = False) -> str:
    if proprietary:  # the SDKs recognise these by the first part of the key
        return f"proprietary-models/{id_}/proprietary_specs_{version}.json"
    return f"community_models/{id_}/specs_v{version}.json"


def script_key(id_: str, version: str, kind: KeyKind) -> str:
    return f"source-directory-tarballs/{id_}/{kind}/v{version}/sourcedir.tar.gz"


def model_prefix(id_: str, version: str) -> str:
    """Returns the prefix with the model's files: the channel `model` of a job, and the model data of an endpoint."""
    return f"{MODELS}{id_}/v{version}/"


def eula_key(id_: str, version: str) -> str:
    return f"fmhMetadata/eula/{id_}/v{version}/eula.txt"


_PATTERNS = {
    KeyKind.SPEC: re.compile(
        r"(?:community_models/(?P<id>[^/]+)/specs_v(?P<version>[^/]+)"
        r"|proprietary-models/(?P<other>[^/]+)/proprietary_specs_(?P<its>[^/]+))\.json"
    ),
    KeyKind.EULA: re.compile(r"fmhMetadata/eula/(?P<id>[^/]+)/v(?P<version>[^/]+)/eula\.txt"),
    KeyKind.TRAINING_SCRIPT: re.compile(
        r"source-directory-tarballs/(?P<id>[^/]+)/transfer_learning/v(?P<version>[^/]+)/sourcedir\.tar\.gz"
    ),
    KeyKind.SERVING_SCRIPT: re.compile(
        r"source-directory-tarballs/(?P<id>[^/]+)/inference/v(?P<version>[^/]+)/sourcedir\.tar\.gz"
    ),
    KeyKind.MODEL: re.compile(r"models/(?P<id>[^/]+)/v(?P<version>[^/]+)/(?P<path>.*)"),
}


def parse_key(key: str) -> ModelKey | None:
    """Returns the model's object with this key, or None for a manifest and for keys outside the catalogue."""
    for kind, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(key):
            parts = found.groupdict()
            id_, version = parts["id"] or parts.get("other"), parts["version"] or parts.get("its")
            return ModelKey(kind, id_ or "", version or "", parts.get("path") or "")
    return None


def payload_key(file: str) -> str:
    """Returns the key of a sample request's bytes."""
    return f"payloads/{file}"
