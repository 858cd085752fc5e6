"""Draws one variable's columns at once: no row has two of them, so they are independent given all others. Uses array operations,
which need no compiling and whose sums can span several hosts' rows.
"""

from __future__ import annotations

import numpy as np

from sagewright.algorithms.firstparty.hosts import Group


class Variable:
    """Columns `begin` to `end` of the rows by column (indptr, indices and data)."""

    def __init__(self, columns: tuple[np.ndarray, np.ndarray, np.ndarray], begin: int, end: int) -> None:
        indptr, indices, data = columns
        first, last = indptr[begin], indptr[end]
        self.begin, self.end, self.rows = begin, end, indices[first:last]
        self.lengths = np.diff(indptr[begin : end + 1])
        self._there = np.flatnonzero(self.lengths)
        self._starts = (indptr[begin:end] - first)[self._there]
        x = data[first:last]
        self.x = None if (x == 1).all() else x

    def draw(
        self, state: tuple[np.ndarray, np.ndarray, np.ndarray], prior: np.ndarray, alpha: float, group: Group
    ) -> None:
        """Draws all weights of these columns, one number of each after another. `state`: errors (n,), products (n, k) and weights
        (m, k + 1) of all columns; `prior` (m, k + 1, 3).
        """
        error, product, weights = state
        e, fetched = error[self.rows], np.ascontiguousarray(product[self.rows].T)
        for number in range(weights.shape[1]):
            old = weights[self.begin : self.end, number].copy()
            q = fetched[number - 1] if number else None
            h = self._slopes(q, old)
            totals = alpha * group.total(self._sums(h, e, old))
            mine = prior[self.begin : self.end, number].astype(np.float64)
            precision = totals[:, 0] + mine[:, 0]
            new = (mine[:, 0] * mine[:, 1] - totals[:, 1]) / precision + mine[:, 2] / np.sqrt(precision)
            weights[self.begin : self.end, number] = new
            moved = np.repeat(weights[self.begin : self.end, number] - old, self.lengths)
            e += moved if h is None else h * moved
            if q is not None:
                q += moved if self.x is None else self.x * moved
        error[self.rows] = e
        product[self.rows] = fetched.T

    def _slopes(self, q: np.ndarray | None, old: np.ndarray) -> np.ndarray | None:
        """The derivative of each row's prediction with respect to its weight; None if it is 1."""
        if q is None:
            return self.x
        wide = np.repeat(old, self.lengths)
        return q - wide if self.x is None else self.x * (q - self.x * wide)

    def _sums(self, h: np.ndarray | None, e: np.ndarray, old: np.ndarray) -> np.ndarray:
        """(columns, 2): each column's curvature, and its slope at weight 0, on this host's rows."""
        sums = np.zeros((len(self.lengths), 2))
        if len(self._there):
            slopes = e if h is None else h * e
            curves = self.lengths[self._there] if h is None else np.add.reduceat(h * h, self._starts)
            sums[self._there, 0] = curves
            sums[self._there, 1] = np.add.reduceat(slopes, self._starts)
            sums[:, 1] -= sums[:, 0] * old
        return sums
