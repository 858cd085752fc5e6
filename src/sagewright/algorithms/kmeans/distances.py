"""Which centre is nearest to each row, by one matrix product a block of rows."""

from __future__ import annotations

import numpy as np

BLOCK_CELLS = 1 << 20
"""Distances held at once: they stay in a core's cache."""


def nearest(rows: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of n rows the number of its nearest centre and the squared distance to it, (n,) int64 and float32.

    The distance is computed anew for the chosen centre: differences of large products lose what small ones need.
    """
    chosen = assign(rows, centres)
    squared = np.empty(len(rows), np.float32)
    step = max(1, BLOCK_CELLS // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        block = rows[start : start + step] - centres[chosen[start : start + step]]
        squared[start : start + step] = np.einsum("ij,ij->i", block, block)
    return chosen, squared


def assign(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The number of each row's nearest centre, (n,) int64."""
    shift = centres.mean(axis=0, dtype=np.float64).astype(rows.dtype)  # far from the origin products would drown in it
    moved = centres - shift
    half = np.einsum("ij,ij->i", moved, moved) / 2
    chosen = np.empty(len(rows), np.int64)
    step = max(1, BLOCK_CELLS // len(centres))
    scores = np.empty((min(step, len(rows)), len(centres)), rows.dtype)
    for start in range(0, len(rows), step):
        block = rows[start : start + step] - shift
        part = scores[: len(block)]
        np.matmul(block, moved.T, out=part)
        np.subtract(part, half, out=part)
        part.argmax(axis=1, out=chosen[start : start + step])
    return chosen


def sums(rows: np.ndarray, chosen: np.ndarray, count: int, weights: np.ndarray | None = None) -> np.ndarray:
    """(count, d) float64: the (weighted) sum of the rows of each centre."""
    order = np.argsort(chosen, kind="stable")
    sorted_rows = rows[order] if weights is None else rows[order] * weights[order, None]
    present, starts = np.unique(chosen[order], return_index=True)
    out = np.zeros((count, rows.shape[1]))
    out[present] = np.add.reduceat(sorted_rows, starts, axis=0, dtype=np.float64)
    return out
