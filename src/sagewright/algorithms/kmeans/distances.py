"""Which centre is nearest to each row, by one matrix product a block of rows."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from sagewright.algorithms.firstparty.directions import Directions

BLOCK_CELLS = 1 << 19
"""Distances held at once: they stay in a core's cache."""
SUM_ROWS = 1 << 14
"""Rows added up in single precision before they are in double."""


def nearest(rows: np.ndarray, centres: np.ndarray, few: Directions | None = None) -> tuple[np.ndarray, np.ndarray]:
    """For each of n rows the number of its nearest centre and the squared distance to it, (n,) int64 and float32.

    With `few` the centre that is nearest along these directions. The distance is computed anew for the chosen centre: differences
    of large products lose what small ones need.
    """
    chosen = assign(rows, centres) if few is None else assign(few(rows), few(centres))
    squared = np.empty(len(rows), np.float32)
    step = max(1, BLOCK_CELLS // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        block = rows[start : start + step] - centres[chosen[start : start + step]]
        squared[start : start + step] = np.einsum("ij,ij->i", block, block)
    return chosen, squared


def assign(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The number of each row's nearest centre, (n,) int64."""
    width = rows.shape[1]
    shift = centres.mean(axis=0, dtype=np.float64).astype(rows.dtype)  # far from the origin products would drown in it
    moved = centres - shift
    with_half = np.vstack([moved.T, np.einsum("ij,ij->i", moved, moved) / -2])
    chosen = np.empty(len(rows), np.int64)
    step = max(1, min(BLOCK_CELLS // len(centres), len(rows)))
    block, scores = np.ones((step, width + 1), rows.dtype), np.empty((step, len(centres)), rows.dtype)
    for start in range(0, len(rows), step):
        part = slice(0, min(step, len(rows) - start))
        np.subtract(rows[start : start + step], shift, out=block[part, :-1])
        np.matmul(block[part], with_half, out=scores[part])
        scores[part].argmax(axis=1, out=chosen[start : start + step])
    return chosen


def sums(rows: np.ndarray, chosen: np.ndarray, count: int, weights: np.ndarray | None = None) -> np.ndarray:
    """(count, d) float64: the (weighted) sum of the rows of each centre."""
    total = np.zeros((count, rows.shape[1]))
    for start in range(0, len(rows), SUM_ROWS):
        part = slice(start, min(start + SUM_ROWS, len(rows)))
        length = part.stop - start
        weight = np.ones(length, np.float32) if weights is None else weights[part]
        total += sparse.csc_array((weight, chosen[part], np.arange(length + 1)), (count, length)) @ rows[part]
    return total
