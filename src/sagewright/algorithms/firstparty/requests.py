"""The rows of an inference request: CSV, JSON, JSON Lines and recordIO-protobuf, dense and sparse.

Source: the contract's algorithms/_common.md, section 6.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty.rows.data import UNUSABLE, usable
from sagewright.algorithms.formats import delimited, protobuf
from sagewright.algorithms.formats.content_type import ContentType
from sagewright.algorithms.formats.table import Sparse

CSV, JSON, JSON_LINES, PROTOBUF = (
    "text/csv",
    "application/json",
    "application/jsonlines",
    "application/x-recordio-protobuf",
)
ALL = (CSV, JSON, JSON_LINES, PROTOBUF)
Features: TypeAlias = "np.ndarray | Sparse"


class UnsupportedMedia(UserError):
    """The algorithm doesn't accept the request's content type."""


def parse(body: bytes, content_type: str, accepted: Sequence[str] = ALL) -> Features:
    """(n, d) float32 or Sparse. Raises UnsupportedMedia, and UserError for a body that can't be read."""
    kind = ContentType.parse(content_type or CSV)
    if kind.media not in accepted:
        raise UnsupportedMedia(f"Content-type {content_type} is not supported; these are: {', '.join(accepted)}.")
    if kind.media == CSV:
        rows = delimited.parse(body, ",", "the request")
        return rows[:, kind.label_size(default=0) :]
    if kind.media == PROTOBUF:
        table = protobuf.parse(body, "the request")
        if table is None:
            raise UserError("the request contains no record")
        return table.features
    return from_instances(instances(body, kind.media))


def instances(body: bytes, media: str) -> list[Any]:
    """The unconverted instances of a JSON or JSON Lines body. Raises UserError."""
    try:
        if media == JSON_LINES:
            return [json.loads(line) for line in body.splitlines() if line.strip()]
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UserError(f"the request is not {media}: {error}") from error
    found = document.get("instances") if isinstance(document, Mapping) else None
    if not isinstance(found, list):
        raise UserError('the request must be {"instances": [...]}')
    return found


def from_instances(given: Sequence[Any]) -> Features:
    """Rows of `{"features": [...]}` or `{"data": {"features": {"values": [...], "keys": [...], "shape": [...]}}}`."""
    if not given:
        raise UserError("the request contains no instance")
    tensors = [_tensor(number, instance) for number, instance in enumerate(given)]
    if all(keys is None for _, keys, _ in tensors):
        widths = {len(values) for values, _, _ in tensors}
        if len(widths) > 1:
            raise UserError(f"the instances have different numbers of features: {', '.join(map(str, sorted(widths)))}")
        return np.stack([values for values, _, _ in tensors])
    if any(keys is None for _, keys, _ in tensors):
        raise UserError("some instances are sparse, and some are dense")
    return _sparse(tensors)


def _tensor(number: int, instance: Any) -> tuple[np.ndarray, np.ndarray | None, int]:
    """Values, keys (None if dense) and number of columns of one instance."""
    features = instance.get("features") if isinstance(instance, Mapping) else None
    if features is None and isinstance(instance, Mapping):
        data = instance.get("data")
        features = data.get("features") if isinstance(data, Mapping) else None
    if isinstance(features, list):
        features = {"values": features}
    if not isinstance(features, Mapping) or not isinstance(features.get("values"), list):
        raise UserError(f"instance {number} has no features")
    try:
        values = np.asarray(features["values"], np.float32)
        keys = np.asarray(features["keys"], np.int64) if "keys" in features else None
        shape = features.get("shape") or [0]
        columns = int(shape[-1])
    except (ValueError, TypeError, OverflowError, LookupError) as error:
        raise UserError(f"instance {number} has features that are not numbers: {error}") from error
    if values.ndim != 1 or (keys is not None and keys.shape != values.shape):
        raise UserError(f"instance {number} has features that are not a vector")
    if keys is not None and len(keys) and (keys.min() < 0 or (columns and keys.max() >= columns)):
        raise UserError(f"instance {number} has a key outside its shape")
    return values, keys, columns


def _sparse(tensors: Sequence[tuple[np.ndarray, np.ndarray | None, int]]) -> Sparse:
    keys = np.concatenate([each for _, each, _ in tensors if each is not None])
    widest = int(keys.max()) + 1 if len(keys) else 0
    return Sparse(
        indptr=np.cumsum([0, *(len(values) for values, _, _ in tensors)]),
        indices=keys,
        values=np.concatenate([values for values, _, _ in tensors]),
        columns=max(widest, *(columns for _, _, columns in tensors)),
    )


def dense(features: Features, columns: int) -> np.ndarray:
    """(n, columns) float32. Raises UserError if the rows have another width or unusable values."""
    fitted = sparse_or_dense(features, columns)
    return fitted.dense() if isinstance(fitted, Sparse) else fitted


def sparse_or_dense(features: Features, columns: int) -> Features:
    """The rows in their own form, with the model's width. Raises UserError as `dense` does."""
    width = int(features.shape[1])
    if width > columns or (width < columns and not isinstance(features, Sparse)):
        raise UserError(f"the request has records of {width} features, but the model was trained on {columns}")
    if not usable(features.values if isinstance(features, Sparse) else features):
        raise UserError(f"the request has a feature that is {UNUSABLE}")
    if isinstance(features, Sparse):
        return Sparse(features.indptr, features.indices, features.values, columns)
    return features
