"""Exact nearest-neighbour search by matrix products: the results of Faiss's flat index, faster.

Points and rows are multiplied block by block. Of a block's products, only those that could be among the nearest found so far are
examined, and their distances are recomputed from the difference, in full precision.

Where a few directions hold nearly all of the variance, the products use these alone and the length of the remainder. This gives a
lower bound on each distance at a fraction of the cost (the partial distances of multi-step search, T. Seidl and H.-P. Kriegel,
SIGMOD 1998). Further directions sharpen the bound for the points that pass it, before their full distance is computed.
"""

from __future__ import annotations

import numpy as np

from sagewright.algorithms.firstparty import directions, threads

ROWS, POINTS = 1024, 1024
AT_ONCE = 1536
"""Points up to which all are multiplied with some rows at once."""
PRODUCTS = 1 << 20
"""Products of rows and all points that are held at once."""
PAIRS = 1 << 17
"""Pairs of rows and points that are subtracted at once."""
PART, MORE, LEFT_OUT = 10, 2, 0.15
"""A tenth of the directions are multiplied, and twice as many sharpen the bound, where the first leave out at most this share of
the variance.
"""
SLACK = 1e-5
"""Margin for rounding errors, as a share of squared lengths."""
UNEVEN = 100.0
"""If the longest point's squared length is more than so many times the usual one, each point has a margin of its own: that of the
longest would let nearly all others pass.
"""


class Exact:
    """Searches `points` (n, d) float32 by squared Euclidean distance, or by the negative inner product. A `lean` search keeps no
    second copy of the points, and is slower for few rows.
    """

    def __init__(self, points: np.ndarray, inner_product: bool = False, lean: bool = False) -> None:
        self.points, self.inner_product = points, inner_product
        self._centre = np.zeros(points.shape[1], np.float32)
        self._basis: np.ndarray | None = None
        self._filter = points
        self._finer: _Finer | None = None
        self._halves: np.ndarray | None = None
        self._uneven = False
        if inner_product:
            squares = _squares(points)
        else:
            self._centre = points.mean(axis=0, dtype=np.float64).astype(np.float32)
            few = points.shape[1] // PART
            found = directions.leading(points, few, 1 - LEFT_OUT, MORE * few)
            self._basis = None if found is None else np.ascontiguousarray(found.basis[:, :few])
            if lean and found is None:
                squares = self._lengths()
                self._halves = squares * self._half(squares)
            else:
                self._filter, squares = self._reduced(points)
                self._filter[:, -1] = squares * self._half(squares)
            if found is not None:
                self._finer = _Finer(points, self._centre, found.basis[:, few:], self._filter[:, -2])
        self._longest = 0.0 if self._uneven else float(squares.max())
        self._few = len(points) <= AT_ONCE and (self._halves is None or points.size <= PRODUCTS)

    def search(self, rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns, for each row, the `count` smallest distances, ascending, and the numbers of their points; count ≤ n."""
        size = min(ROWS, PRODUCTS // len(self.points)) if self._few else ROWS
        parts = threads.each(lambda start: self._block(rows[start : start + size], count), range(0, len(rows), size))
        return np.concatenate([part.distances for part in parts]), np.concatenate([part.numbers for part in parts])

    def _half(self, squares: np.ndarray) -> np.float32:
        """Returns the factor of squared lengths (n,) in products: minus a half, or a little less if points have margins of their
        own.
        """
        self._uneven = bool(squares.max() > UNEVEN * np.median(squares))
        return np.float32((SLACK - 1) / 2 if self._uneven else -0.5)

    def _lengths(self) -> np.ndarray:
        """Returns the (n,) squared lengths of the points minus the centre."""
        out = np.empty(len(self.points), np.float32)
        for start in range(0, len(out), ROWS):
            out[start : start + ROWS] = _squares(self.points[start : start + ROWS] - self._centre)
        return out

    def _filtered(self, points: slice | np.ndarray) -> np.ndarray:
        """Returns points as `_reduced` does, with minus half their squared lengths in place of the ones."""
        block = self._filter[points]
        if self._halves is None:
            return block
        out = np.empty((len(block), block.shape[1] + 1), np.float32)
        np.subtract(block, self._centre, out=out[:, :-1])
        out[:, -1] = self._halves[points]
        return out

    def _reduced(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows minus the centre, or their coordinates in the basis and the length of the remainder, then a column of
        ones; and their squared lengths (n,).

        With minus half a point's squared length in place of the one, a product is larger the nearer the point is.
        """
        width = rows.shape[1] if self._basis is None else self._basis.shape[1] + 1
        out = np.ones((len(rows), width + 1), np.float32)
        for start in range(0, len(rows), ROWS):
            moved, part = rows[start : start + ROWS] - self._centre, out[start : start + ROWS]
            if self._basis is None:
                part[:, :-1] = moved
                continue
            inside = moved @ self._basis
            part[:, :-2] = inside
            part[:, -2] = np.sqrt(np.maximum(_squares(moved) - _squares(inside), 0))
        return out, _squares(out[:, :-1])

    def _block(self, rows: np.ndarray, count: int) -> _Nearest:
        filtered, squares = (rows, _squares(rows)) if self.inner_product else self._reduced(rows)
        base, scale = (0, 1) if self.inner_product else (squares, 2)
        points = len(self.points)
        size = points if self._few else min(max(POINTS, 4 * count), points)
        sample = np.arange(size) * points // size  # from everywhere, since points may come in an order
        products = filtered @ self._filtered(slice(size) if self._few else sample).T
        slack = SLACK * (squares + self._longest)
        if self._basis is None and not self._uneven:  # the products are the nearness itself
            worst = base - scale * np.partition(products, size - count, axis=1)[:, size - count] + slack
        else:
            worst = self._worst(rows, sample, products, count)
        nearest = _Nearest(len(rows), count)
        finer = None if self._finer is None else self._finer.of(rows, filtered[:, -2])
        for start in range(0, points, size):
            found = products if self._few else self._products(filtered, start, products)
            most = np.minimum(worst, nearest.worst) + slack
            hits = np.flatnonzero(found >= ((base - most) / scale).astype(np.float32)[:, None])
            if not len(hits):
                continue
            row, point = np.divmod(hits, found.shape[1])
            point += start
            if self._finer is not None:
                kept = (base - most)[row] + self._finer.gain(finer, row, point) <= 2 * found.ravel()[hits]
                row, point = row[kept], point[kept]
            nearest.add(row, point, self._distances(rows, row, point))
        nearest.merge()
        return nearest

    def _products(self, filtered: np.ndarray, start: int, out: np.ndarray) -> np.ndarray:
        """Returns upper bounds on the nearness to the rows of the points from `start` on (larger is nearer): (rows, points),
        contiguous.
        """
        block = self._filtered(slice(start, start + out.shape[1]))
        if len(block) < out.shape[1]:
            out = out.ravel()[: len(filtered) * len(block)].reshape(len(filtered), len(block))
        return np.matmul(filtered, block.T, out=out)

    def _worst(self, rows: np.ndarray, sample: np.ndarray, products: np.ndarray, count: int) -> np.ndarray:
        """Returns (rows,) distances that `count` points of the sample do not exceed."""
        most = min(2 * count, len(sample))
        likely = sample[np.argpartition(products, -most, axis=1)[:, -most:]]
        row = np.repeat(np.arange(len(rows)), most)
        distances = self._distances(rows, row, likely.ravel()).reshape(likely.shape)
        worst: np.ndarray = np.partition(distances, count - 1, axis=1)[:, count - 1]
        return worst

    def _distances(self, rows: np.ndarray, row: np.ndarray, point: np.ndarray) -> np.ndarray:
        out = np.empty(len(row), np.float32)
        step = max(1, PAIRS // rows.shape[1])
        for start in range(0, len(row), step):
            left, right = rows[row[start : start + step]], self.points[point[start : start + step]]
            if self.inner_product:
                out[start : start + step] = -np.einsum("ij,ij->i", left, right)
            else:
                left -= right
                out[start : start + step] = _squares(left)
        return out


class _Finer:
    """Further coordinates of points, which tighten the lower bounds given by the first ones.

    For each row, (m,) float32: its coordinates, the length of the remainder, and the length of the remainder after
    the first ones.
    """

    def __init__(self, points: np.ndarray, centre: np.ndarray, basis: np.ndarray, left: np.ndarray) -> None:
        self._centre, self._basis = centre, np.ascontiguousarray(basis)
        self._points = self.of(points, left)

    def of(self, rows: np.ndarray, left: np.ndarray) -> np.ndarray:
        out = np.empty((len(rows), self._basis.shape[1] + 2), np.float32)
        for start in range(0, len(rows), ROWS):
            part = out[start : start + ROWS]
            np.matmul(rows[start : start + ROWS] - self._centre, self._basis, out=part[:, :-2])
            part[:, -1] = left[start : start + ROWS]
            part[:, -2] = np.sqrt(np.maximum(part[:, -1] ** 2 - _squares(part[:, :-2]), 0))
        return out

    def gain(self, rows: np.ndarray, row: np.ndarray, point: np.ndarray) -> np.ndarray:
        """Returns the gains of the pairs, (n,)."""
        out = np.empty(len(row), np.float32)
        step = max(1, PAIRS // rows.shape[1])
        for start in range(0, len(row), step):
            moved = rows[row[start : start + step]]
            moved -= self._points[point[start : start + step]]
            out[start : start + step] = _squares(moved[:, :-1]) - moved[:, -1] ** 2
        return out


class _Nearest:
    """The `count` nearest points so far of each of `rows` rows: `distances` and `numbers`, (rows, count), ascending."""

    def __init__(self, rows: int, count: int) -> None:
        self.distances = np.full((rows, count), np.inf, np.float32)
        self.numbers = np.full((rows, count), -1)
        self._row = np.repeat(np.arange(rows), count)
        self._pending: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._pairs = 0

    @property
    def worst(self) -> np.ndarray:
        return self.distances[:, -1]

    def add(self, row: np.ndarray, point: np.ndarray, distance: np.ndarray) -> None:
        self._pending.append((row, point, distance))
        self._pairs += len(row)
        if self._pairs >= self.distances.size // 2:
            self.merge()

    def merge(self) -> None:
        """Merges the added points; of equal distances the point with the smaller number comes first."""
        rows, count = self.distances.shape
        row, number, distance = (np.concatenate(part) for part in zip(*self._pending, self._kept(), strict=True))
        self._pending, self._pairs = [], 0
        order = np.argsort(row.astype(np.uint64) << np.uint64(32) | _ordered(distance), kind="stable")
        first = np.searchsorted(row[order], np.arange(rows))
        kept = order[first[:, None] + np.arange(count)]
        self.distances, self.numbers = distance[kept], number[kept]

    def _kept(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self._row, self.numbers.ravel(), self.distances.ravel()


def _squares(rows: np.ndarray) -> np.ndarray:
    """Returns the (n,) squared lengths."""
    lengths: np.ndarray = np.einsum("ij,ij->i", rows, rows)
    return lengths


def _ordered(values: np.ndarray) -> np.ndarray:
    """Returns integers in the order of the float32 values."""
    bits = values.view(np.uint32).astype(np.uint64)
    negative = bits >> np.uint64(31) == 1
    return np.where(negative, np.uint64(0xFFFFFFFF) - bits, bits + np.uint64(0x80000000))
