"""The sample of each tree."""

from __future__ import annotations

import numpy as np


def deal(rows: np.ndarray, trees: int, size: int, random: np.random.Generator) -> list[np.ndarray]:
    """A sample for each tree: parts of `rows` without overlap where they suffice, else `size` rows (or all) drawn for each."""
    if len(rows) >= trees * size:
        order = random.permutation(len(rows))[: trees * size]
        return list(rows[order].reshape(trees, size, -1))
    return [rows[random.permutation(len(rows))[:size]] for _ in range(trees)]
