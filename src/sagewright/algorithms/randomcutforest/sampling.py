"""A uniform sample of rows that come one batch after the other: those with the smallest of random keys.

Samples of several hosts are joined by the same rule, so that every row of every host had the same chance.
"""

from __future__ import annotations

import numpy as np


class Reservoir:
    """The `size` rows with the smallest keys. `rows` (m, d) float32 in the order of their `keys` (m,)."""

    def __init__(self, size: int, columns: int) -> None:
        self.size, self.seen = size, 0
        self.keys, self.rows = np.empty(0), np.empty((0, columns), np.float32)

    def add(self, rows: np.ndarray, keys: np.ndarray) -> None:
        """Offer rows with keys drawn uniformly from [0, 1)."""
        self.seen += len(rows)
        if len(self.keys) == self.size:  # most of a long stream fails here, at no cost
            better = keys < self.keys[-1]
            rows, keys = rows[better], keys[better]
        joined = np.concatenate([self.keys, keys])
        order = np.argsort(joined, kind="stable")[: self.size]
        self.keys, self.rows = joined[order], np.concatenate([self.rows, rows])[order]


def deal(rows: np.ndarray, trees: int, size: int, random: np.random.Generator) -> list[np.ndarray]:
    """A sample for each tree: parts of `rows` without overlap where they suffice, else `size` rows (or all) drawn for each."""
    if len(rows) >= trees * size:
        order = random.permutation(len(rows))[: trees * size]
        return list(rows[order].reshape(trees, size, -1))
    return [rows[random.permutation(len(rows))[:size]] for _ in range(trees)]
