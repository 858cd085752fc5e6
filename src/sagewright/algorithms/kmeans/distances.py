"""Finds the nearest centre of each row, by one matrix product per block of rows."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from sagewright.algorithms.firstparty import threads
from sagewright.algorithms.firstparty.directions import Directions

BLOCK_CELLS = 1 << 19
"""Distances held at once, so that they stay in a core's cache."""
FEW_CELLS = 1 << 15
"""Centres times rows up to which a dense membership matrix costs less than building a sparse one."""
LEAST_ROWS, MOST_ROWS = 256, 1 << 14
"""Limits on the rows of a part. Parts are processed in parallel, and summed in single precision before they are summed in double.
"""


def parts(rows: np.ndarray, centres: int) -> list[slice]:
    """Returns slices of the rows whose distances to the centres stay in a core's cache."""
    step = max(LEAST_ROWS, min(BLOCK_CELLS // max(centres, rows.shape[1], 1), MOST_ROWS))
    return [slice(start, min(start + step, len(rows))) for start in range(0, len(rows), step)]


def nearest(rows: np.ndarray, centres: np.ndarray, few: Directions | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Returns the number of each row's nearest centre and the squared distance to it, (n,) int64 and float32.

    With `few`, the nearest centre is chosen along these directions. The distance is recomputed for the chosen centre, because
    differences of large products lose the precision that small distances need.
    """
    chosen = np.empty(len(rows), np.int64)
    squared = np.empty(len(rows), np.float32)
    at = Assignment(centres) if few is None else Assignment(few(centres))

    def look(part: slice) -> None:
        chosen[part] = at(rows[part] if few is None else few(rows[part]))
        apart = rows[part] - centres[chosen[part]]
        squared[part] = np.einsum("ij,ij->i", apart, apart)

    threads.each(look, parts(rows, len(centres)))
    return chosen, squared


def assign(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Returns the number of each row's nearest centre, (n,) int64."""
    chosen = np.empty(len(rows), np.int64)
    at = Assignment(centres)

    def look(part: slice) -> None:
        chosen[part] = at(rows[part])

    threads.each(look, parts(rows, len(centres)))
    return chosen


class Assignment:
    """Assigns rows to their nearest centres."""

    def __init__(self, centres: np.ndarray) -> None:
        self.shift = centres.mean(axis=0, dtype=np.float64).astype(centres.dtype)
        moved = centres - self.shift  # far from the origin the products would swamp it
        self.with_half = np.vstack([moved.T, np.einsum("ij,ij->i", moved, moved) / -2]).astype(centres.dtype)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        block = np.ones((len(rows), rows.shape[1] + 1), rows.dtype)
        np.subtract(rows, self.shift, out=block[:, :-1])
        return (block @ self.with_half).argmax(axis=1)


def sums(rows: np.ndarray, chosen: np.ndarray, count: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Returns (count, d) float64: the (weighted) sum of the rows of each centre."""

    def add(part: slice) -> np.ndarray:
        length = part.stop - part.start
        weight = np.ones(length, np.float32) if weights is None else weights[part]
        if count * length <= FEW_CELLS:
            members = np.zeros((count, length), np.float32)
            members[chosen[part], np.arange(length)] = weight
            return np.asarray(members @ rows[part])
        found: np.ndarray = (
            sparse.csc_array((weight, chosen[part], np.arange(length + 1)), (count, length)) @ rows[part]
        )
        return found

    total = np.zeros((count, rows.shape[1]))
    pieces = [slice(start, min(start + MOST_ROWS, len(rows))) for start in range(0, len(rows), MOST_ROWS)]
    for found in threads.each(add, pieces):
        total += found
    return total
