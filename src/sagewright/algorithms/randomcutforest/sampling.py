"""Draws the sample of each tree."""

from __future__ import annotations

import numpy as np


def deal(rows: int, trees: int, size: int, random: np.random.Generator) -> list[np.ndarray]:
    """Returns the numbers of each tree's rows: disjoint parts if there are enough, else `size` rows (or all) drawn for each."""
    if rows >= trees * size:
        return list(random.permutation(rows)[: trees * size].reshape(trees, size))
    return [random.permutation(rows)[:size].copy() for _ in range(trees)]
