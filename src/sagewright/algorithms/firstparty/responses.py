"""Response bodies of first-party algorithms: JSON, JSON Lines, recordIO-protobuf and CSV.

Source: the contract's algorithms/_common.md, section 6.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from sagewright.algorithms.firstparty.requests import CSV, JSON, JSON_LINES, PROTOBUF
from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.record import Tensor

Fields = Mapping[str, np.ndarray]
"""Predictions for n rows: each field (n,) or (n, k)."""


def encode(fields: Fields, media: str, key: str) -> bytes:
    """The body in one of the media above; `key` is the name of JSON's list (`predictions`)."""
    if media == PROTOBUF:
        return _records(fields)
    if media == CSV:
        columns = np.column_stack([np.asarray(value, np.float64) for value in fields.values()])
        return "".join(",".join(map(repr, row)) + "\n" for row in columns.tolist()).encode()
    names = list(fields)
    rows = zip(*(value.tolist() for value in fields.values()), strict=True)
    objects = [dict(zip(names, row, strict=True)) for row in rows]
    if media == JSON_LINES:
        return "".join(json.dumps(each) + "\n" for each in objects).encode()
    assert media == JSON
    return json.dumps({key: objects}).encode()


def _records(fields: Fields) -> bytes:
    vectors = {name: np.asarray(value, np.float32).reshape(len(value), -1) for name, value in fields.items()}
    count = len(next(iter(vectors.values())))
    return recordio.write_frames(
        record.encode({}, {name: Tensor(value[row]) for name, value in vectors.items()}) for row in range(count)
    )
