"""Sums over rows, and over products of their columns, in one pass and double precision.

Rows are multiplied in single precision, a block that fits a core's cache at a time, and blocks are summed in double. If a column's
mean is large compared with its deviation, all rows are first shifted by a point near the mean; otherwise the products would lose
the digits that make up the deviation. Rows far from all others are multiplied in double precision, as the others' digits would be
lost in sums with them; so are all rows if squares of a column are too large or too small for single precision.
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
FAR = 1e4
"""Mean square of a row's numbers, in variances of their columns, from which it is far from the others."""
APART, MOST_APART, TRIMS = 100.0, 0.01, 3
"""The same for rows that don't count where the variances are found: at most such a share of them, each time."""
LEAST_VARIANCE, MOST_VARIANCE = 1e-30, 1e30
"""Limits on variances for products in single precision."""
GRADED = 100.0
"""Ratio of deviations of columns from which small ones are lost in sums in single precision over columns."""


@dataclass(frozen=True)
class Spread:
    """Where most of some rows lie: their `mean` (d,) and `deviation` (d,) float64. `apart`: a few others are far from them."""

    mean: np.ndarray
    deviation: np.ndarray
    apart: bool = False

    @classmethod
    def of(cls, rows: np.ndarray) -> Spread:
        """Looks at rows (n, d). A few that are apart, which would make the deviations large, don't count."""
        count = len(rows)
        for left in reversed(range(TRIMS)):
            mean, deviation = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
            unit = np.where(deviation > 0, deviation, np.inf)
            apart = np.square((rows - mean) / unit).mean(axis=1) > APART
            if not left or not 0 < apart.sum() <= MOST_APART * len(rows):
                break
            rows = rows[~apart]
        return cls(mean, deviation, len(rows) < count)

    @property
    def shift(self) -> np.ndarray | None:
        """The mean (d,) float32 if shifting by it is worth its time, else None."""
        near = np.abs(self.mean) <= NEAR * self.deviation
        return None if near.all() else self.mean.astype(np.float32)

    @property
    def weights(self) -> np.ndarray:
        """Factors (d,) float32 of squares by which their sum over a row is their mean in variances; NaN for columns whose squares
        single precision does not have.
        """
        variance = np.square(self.deviation)
        varies = variance > 0
        out = np.zeros(len(variance), np.float32)
        out[varies] = np.where(self._single(variance[varies]), 1 / (variance[varies] * varies.sum()), np.nan)
        return out

    @property
    def graded(self) -> bool:
        """True if sums over columns, as randomized mode makes them, need double precision, as columns or rows differ much."""
        varies = self.deviation[self.deviation > 0]
        if self.apart or not len(varies):
            return self.apart
        return bool(varies.max() > GRADED * varies.min() or not self._single(np.square(varies)).all())

    @staticmethod
    def _single(variance: np.ndarray) -> np.ndarray:
        return (variance > LEAST_VARIANCE) & (variance < MOST_VARIANCE)


@dataclass
class Moments:
    """Moments of rows x, shifted by `shift` (None: not at all): their `count`, `sums` (d,), and `products` x'xT, (d, r) float64.

    T is `test` (d, r), or None for the identity. If it is float64, all products are in double precision. `weights` (d,): those of
    `Spread`, or None if no row is far from the others.
    """

    columns: int
    shift: np.ndarray | None = None
    test: np.ndarray | None = None
    weights: np.ndarray | None = None
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

        def look(start: int) -> tuple[np.ndarray, np.ndarray]:
            block = rows[start : start + step]
            if self.shift is not None:
                block = block - self.shift
            far = self._far(block)
            if not far.any():
                return self._summed(block)
            near, wide = self._summed(block[~far]), self._summed(block[far].astype(np.float64))
            return near[0] + wide[0], near[1] + wide[1]

        starts = range(0, len(rows), step)
        at_once = max(1, min(AT_ONCE, MOST_BYTES // (4 * self.products.size)))
        for first in range(0, len(starts), at_once):
            for sums, products in threads.each(look, starts[first : first + at_once]):
                self.sums += sums
                self.products += products
        self.count += len(rows)

    def _far(self, block: np.ndarray) -> np.ndarray:
        if self.weights is None:
            return np.zeros(len(block), bool)
        with np.errstate(over="ignore", invalid="ignore"):
            return ~(np.square(block) @ self.weights <= FAR)  # NaN is far

    def _summed(self, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ones = np.ones(len(block), block.dtype)
        return ones @ block, block.T @ (block if self.test is None else block @ self.test)

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
