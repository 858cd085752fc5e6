"""Which features belong together, as the one-hot columns of one variable do: they share the priors of their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

MOST_BLOCKS = 32


def blocks(x: Any) -> np.ndarray:
    """The block of each column, (d,) int64, of a csr_matrix with sorted indices.

    From the left, a block goes on as long as no row has two of its columns. Where that makes too many (numbers side by side, which
    every row has), all columns are one block.
    """
    first, second = x.indices[:-1], x.indices[1:]
    inside = np.ones(len(first), bool)
    ends = x.indptr[1:-1]
    inside[ends[(ends > 0) & (ends < x.indptr[-1])] - 1] = False  # neighbours that are of different rows
    first, second = first[inside], second[inside]
    starts = [0]
    while len(starts) <= MOST_BLOCKS:
        clash = first >= starts[-1]
        if not clash.any():
            return np.searchsorted(starts, np.arange(x.shape[1]), "right") - 1
        first, second = first[clash], second[clash]
        starts.append(int(second.min()))
    return np.zeros(x.shape[1], np.int64)
