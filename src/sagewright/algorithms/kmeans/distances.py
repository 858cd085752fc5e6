"""Finds the nearest centre of each row, by one matrix product per block of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from sagewright.algorithms.firstparty import threads
from sagewright.algorithms.firstparty.directions import Directions

BLOCK_CELLS = 1 << 19
"""Distances held at once, so that they stay in a core's cache."""
FEW_CELLS = 1 << 15
"""Centres times rows up to which a dense membership matrix costs less than building a sparse one."""
MOST_WIDE = 1 << 22
"""Numbers in rows that are copied for several comparisons."""
LEAST_ROWS, MOST_ROWS = 256, 1 << 14
"""Limits on the rows of a part. Parts are processed in parallel, and summed in single precision before they are summed in double.
"""


def parts(rows: np.ndarray, centres: int) -> list[slice]:
    """Returns slices of the rows whose distances to the centres stay in a core's cache."""
    step = max(LEAST_ROWS, min(BLOCK_CELLS // max(centres, rows.shape[1], 1), MOST_ROWS))
    return [slice(start, min(start + step, len(rows))) for start in range(0, len(rows), step)]


@dataclass(frozen=True)
class Wide:
    """Rows that many centres are compared with: less their mean, `shift` (d,), and with a last column of 1, (n, d + 1)."""

    shift: np.ndarray
    rows: np.ndarray


def widen(rows: np.ndarray) -> Wide | None:
    """Returns the wide rows; None if there are so many that copying them would take much memory."""
    if not len(rows) or rows.size > MOST_WIDE:
        return None
    shift = rows.mean(axis=0, dtype=np.float64).astype(rows.dtype)
    return Wide(shift, _with_ones(rows, shift))


def _with_ones(rows: np.ndarray, shift: np.ndarray) -> np.ndarray:
    block = np.ones((len(rows), rows.shape[1] + 1), rows.dtype)
    np.subtract(rows, shift, out=block[:, :-1])
    return block


def nearest(
    rows: np.ndarray, centres: np.ndarray, few: Directions | None = None, wide: Wide | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the number of each row's nearest centre and the squared distance to it, (n,) int64 and float32. `wide` are the same
    rows, if they are known; not used with `few`.

    With `few`, the nearest centre is chosen along these directions. The distance is recomputed for the chosen centre, because
    differences of large products lose the precision that small distances need.
    """
    chosen = np.empty(len(rows), np.int64)
    squared = np.empty(len(rows), np.float32)
    at = Assignment(centres, None if wide is None else wide.shift) if few is None else Assignment(few(centres))

    def look(part: slice) -> None:
        if few is not None:
            chosen[part] = at(few(rows[part]))
        else:
            chosen[part] = at(rows[part]) if wide is None else at.of_wide(wide.rows[part])
        apart = np.take(centres, chosen[part], axis=0)
        apart = np.subtract(rows[part], apart, out=apart if apart.dtype == rows.dtype else None)
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
    """Assigns rows to their nearest centres; both are shifted, by the mean of the centres if there is no other `shift` (d,)."""

    def __init__(self, centres: np.ndarray, shift: np.ndarray | None = None) -> None:
        self.shift = centres.mean(axis=0, dtype=np.float64).astype(centres.dtype) if shift is None else shift
        moved = centres - self.shift  # far from the origin the products would swamp it
        self.with_half = np.vstack([moved.T, np.einsum("ij,ij->i", moved, moved) / -2]).astype(centres.dtype)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return self.of_wide(_with_ones(rows, self.shift))

    def of_wide(self, rows: np.ndarray) -> np.ndarray:
        """Does the same for wide rows (n, d + 1)."""
        return np.asarray((rows @ self.with_half).argmax(axis=1))


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
