"""Joins the rows of several requests, for models that treat each row independently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from sagewright.algorithms.formats.table import Sparse


def row_count(rows: Any) -> int:
    return int(rows.shape[0]) if isinstance(rows, (np.ndarray, Sparse)) else len(rows)


def join_rows(parts: Sequence[Any]) -> Any:
    """Concatenates dense arrays of equal width, sparse rows, or lists; returns None if the parts are of different kinds."""
    first = parts[0]
    if isinstance(first, np.ndarray):
        alike = all(isinstance(part, np.ndarray) and part.shape[1:] == first.shape[1:] for part in parts)
        return np.concatenate(parts) if alike else None
    if isinstance(first, Sparse):
        return _join_sparse(parts) if all(isinstance(part, Sparse) for part in parts) else None
    if isinstance(first, list):
        return [row for part in parts for row in part] if all(isinstance(part, list) for part in parts) else None
    return None


def _join_sparse(parts: Sequence[Sparse]) -> Sparse:
    ends = accumulate((int(part.indptr[-1]) for part in parts[:-1]), initial=0)
    starts = [part.indptr[:-1] + before for part, before in zip(parts, ends, strict=True)]
    entries = sum(int(part.indptr[-1]) for part in parts)
    return Sparse(
        indptr=np.concatenate([*starts, [entries]]),
        indices=np.concatenate([part.indices for part in parts]),
        values=np.concatenate([part.values for part in parts]),
        columns=max(part.columns for part in parts),
    )


def split_rows(fields: Mapping[str, np.ndarray], counts: Sequence[int]) -> list[dict[str, np.ndarray]]:
    """Splits the results for joined rows into one result for each part."""
    ends = list(accumulate(counts))
    return [
        {name: value[end - count : end] for name, value in fields.items()}
        for count, end in zip(counts, ends, strict=True)
    ]
