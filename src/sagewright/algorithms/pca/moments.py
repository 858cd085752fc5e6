"""Sums over rows, and over products of their columns, in one pass and double precision.

Rows are multiplied in single precision, a block that fits a core's cache at a time, and blocks are summed in double. If a column's
mean is large compared with its deviation, all rows are first shifted by a point near the mean; otherwise the products would lose
the digits that make up the deviation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sagewright.algorithms.firstparty import threads

BLOCK_BYTES, MOST_BYTES = 1 << 20, 1 << 25
ROWS_A_COLUMN = 4
"""Minimum number of rows per column in a block: with fewer, adding up the products takes longer than computing them."""
AT_ONCE = 8
"""Blocks whose products wait to be summed."""
NEAR = 4.0
"""Means of up to this many deviations are subtracted at the end, precisely enough, and not from each row."""


@dataclass
class Moments:
    """Moments of rows x, shifted by `shift` (None: not at all): their `count`, `sums` (d,), and `products` x'xT, (d, r) float64.

    T is `test` (d, r) float32, or None for the identity.
    """

    columns: int
    shift: np.ndarray | None = None
    test: np.ndarray | None = None
    count: int = 0
    sums: np.ndarray = field(init=False)
    products: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        width = self.columns if self.test is None else self.test.shape[1]
        self.sums = np.zeros(self.columns)
        self.products = np.zeros((self.columns, width))

    def add(self, rows: np.ndarray) -> None:
        """Adds rows (n, d) float32."""
        step = self._block_rows()
        ones = np.ones(step, np.float32)

        def look(start: int) -> tuple[np.ndarray, np.ndarray]:
            block = rows[start : start + step]
            if self.shift is not None:
                block = block - self.shift
            return ones[: len(block)] @ block, block.T @ (block if self.test is None else block @ self.test)

        starts = range(0, len(rows), step)
        at_once = max(1, min(AT_ONCE, MOST_BYTES // (4 * self.products.size)))
        for first in range(0, len(starts), at_once):
            for sums, products in threads.each(look, starts[first : first + at_once]):
                self.sums += sums
                self.products += products
        self.count += len(rows)

    def _block_rows(self) -> int:
        row, width = 4 * self.columns, int(self.products.shape[1])
        return max(1, min(max(BLOCK_BYTES // row, ROWS_A_COLUMN * width), MOST_BYTES // row))

    def centred(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the mean (d,) of the unshifted rows, and the products of rows minus their mean."""
        mean = self.sums / self.count
        along = mean if self.test is None else mean @ self.test.astype(np.float64)
        products = self.products - self.count * np.outer(mean, along)
        return mean + self._moved(), products

    def plain(self) -> np.ndarray:
        """Returns the products of the unshifted rows."""
        shift = self._moved()
        test = np.eye(self.columns) if self.test is None else self.test.astype(np.float64)
        return (
            self.products + np.outer(shift, self.sums @ test) + np.outer(self.sums + self.count * shift, shift @ test)
        )

    def _moved(self) -> np.ndarray:
        return np.zeros(self.columns) if self.shift is None else self.shift.astype(np.float64)


def shift_for(rows: np.ndarray) -> np.ndarray | None:
    """Returns the mean (d,) float32 of some rows if shifting by it is worth its time, else None."""
    mean, deviation = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    return None if (np.abs(mean) <= NEAR * deviation).all() else mean.astype(np.float32)
