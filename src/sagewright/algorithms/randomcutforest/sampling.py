"""The sample of each tree."""

from __future__ import annotations

import numpy as np


def deal(rows: int, trees: int, size: int, random: np.random.Generator) -> list[np.ndarray]:
    """The numbers of each tree's rows: parts without overlap where there are enough, else `size` rows (or all) drawn for each."""
    if rows >= trees * size:
        return list(random.permutation(rows)[: trees * size].reshape(trees, size))
    return [random.permutation(rows)[:size].copy() for _ in range(trees)]
