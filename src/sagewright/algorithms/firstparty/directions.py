"""The few principal components that hold most of the variance of wide rows, if there are such."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

WIDE, SAMPLE = 256, 5000
"""Minimum number of columns for which the search pays, and number of rows that it uses."""
BLOCK = 1024


@dataclass(frozen=True)
class Directions:
    """`basis` (d, m) float32, orthonormal, with the directions in descending order of variance; `centre` (d,) float32."""

    centre: np.ndarray
    basis: np.ndarray

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """(n, m) float32: coordinates of the rows along the directions, relative to the centre."""
        out = np.empty((len(rows), self.basis.shape[1]), np.float32)
        for start in range(0, len(rows), BLOCK):
            np.matmul(rows[start : start + BLOCK] - self.centre, self.basis, out=out[start : start + BLOCK])
        return out


def leading(rows: np.ndarray, count: int, least: float, more: int = 0) -> Directions | None:
    """The `count` directions that hold at least the share `least` of the variance of (n, d) rows, and the next `more` ones. None if
    there are none, or if rows are few or narrow.
    """
    width = rows.shape[1]
    if width < WIDE or len(rows) < SAMPLE:
        return None
    centre = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    sample = rows[:: len(rows) // SAMPLE] - centre
    products = (sample.T @ sample).astype(np.float64)
    first = width - count - more
    values, vectors = linalg.eigh(products, subset_by_index=[first, width - 1], check_finite=False)
    if values[more:].sum() < least * np.trace(products):
        return None
    return Directions(centre, np.ascontiguousarray(vectors[:, ::-1], np.float32))
