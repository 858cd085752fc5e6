"""Swaps of centres: one is dropped where it is missed least, and one is added where many points are far from all centres. This
leads out of local optima of Lloyd's algorithm.

Source: S. Lattanzi, C. Sohler, "A Better k-means++ Algorithm via Local Search", ICML 2019. Here a new centre is not one of the
points, but the mean of the points that it would win. A swap must also lower what each row would cost if it were left out of its
centre's mean (M. Stone, "Cross-validatory Choice and Assessment of Statistical Predictions", 1974): otherwise single far rows would
get centres, which new rows lack elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sagewright.algorithms.kmeans import lloyd

CANDIDATES = 32
"""New centres tried at once."""
GAIN = 1e-3
"""Share of the cost that a swap must save."""
FAILURES, ROUNDS = 2, 40
"""Rounds without a swap after which the search ends, and the most rounds."""
STEPS = 2
"""Steps of Lloyd's algorithm after each swap."""
MOST_CELLS = 1 << 22
"""Points times centres up to which swaps are tried: their distances take 16 MiB. One of many hundred centres saves too little."""
ALONE = np.float32(1e30)
"""Cost of a centre that wins a single row."""
LEAST = 1e-3
"""Least number of other rows, where weights are fractions."""


@dataclass(frozen=True)
class Costs:
    """Each point's nearest centre, `chosen` (n,) int64, its cost, `each`, and the distance to the next centre, `second`, (n,)
    float32; `sums` (n,) are those of the weighted costs up to each point.
    """

    chosen: np.ndarray
    each: np.ndarray
    second: np.ndarray
    sums: np.ndarray

    @property
    def total(self) -> float:
        return float(self.sums[-1])


class Swaps:
    """Swaps for `points` (n, d) float32, of which each represents `weights` (n,) float32 rows.

    All distances are squared. A row's cost is its distance to the mean of the other rows of its centre, or to the next centre if
    that is nearer.
    """

    def __init__(self, points: np.ndarray, weights: np.ndarray) -> None:
        self._shift = points.mean(axis=0, dtype=np.float64).astype(np.float32)  # products lose precision far from 0
        self._points, self._weights = points - self._shift, weights
        squares = np.einsum("ij,ij->i", self._points, self._points)
        self._columns = np.vstack([-2 * self._points.T, squares, np.ones_like(squares)])

    def costs(self, centres: np.ndarray) -> Costs:
        """Returns the costs with centres (k, d), k > 1."""
        apart = self._apart(centres - self._shift)
        chosen, each = apart.argmin(axis=0), np.arange(apart.shape[1])
        squared = apart[chosen, each]
        apart[chosen, each] = np.inf
        second = apart.min(axis=0)
        left_out = _left_out(np.bincount(chosen, self._weights, len(centres)))
        cost = np.minimum(squared * left_out[chosen], second)
        return Costs(chosen, cost, second, np.cumsum(cost * self._weights, dtype=np.float64))

    def best(self, centres: np.ndarray, now: Costs, random: np.random.Generator) -> np.ndarray | None:
        """Returns the centres, whose costs are `now`, after the best swap for one of `CANDIDATES` new centres, which are drawn in
        proportion to the points' costs. None if no swap saves enough.
        """
        if now.total <= 0:
            return None
        drawn = np.searchsorted(now.sums, random.random(CANDIDATES) * now.total)
        new, apart = self._won(self._points[np.minimum(drawn, len(now.each) - 1)], now.each)
        kept = np.minimum(apart, now.each)
        missed = (np.minimum(apart, now.second) - kept) * self._weights
        places = (now.chosen + np.arange(CANDIDATES)[:, None] * len(centres)).ravel()
        dropped = np.bincount(places, missed.ravel(), CANDIDATES * len(centres)).reshape(CANDIDATES, -1)
        costs = dropped + (kept @ self._weights)[:, None]
        best, gone = np.unravel_index(costs.argmin(), costs.shape)
        if costs[best, gone] > (1 - GAIN) * now.total:
            return None
        out = centres.copy()
        out[gone] = new[best] + self._shift
        return out

    def _won(self, new: np.ndarray, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Moves new centres (c, d) to the mean of the points that are nearer to them than they cost, (n,). Returns these, and what
        each point would cost there, (c, n).
        """
        members = (self._apart(new) < cost) * self._weights
        heavy = members.sum(axis=1, keepdims=True)
        moved = np.where(heavy > 0, members @ self._points / np.where(heavy > 0, heavy, 1), new)
        return moved, self._apart(moved) * _left_out(heavy) + np.where(heavy > 1, 0, ALONE).astype(np.float32)

    def _apart(self, centres: np.ndarray) -> np.ndarray:
        """Returns the distances (k, n) of the points to shifted centres, up to rounding."""
        squares = np.einsum("ij,ij->i", centres, centres)
        out: np.ndarray = np.column_stack([centres, np.ones_like(squares), squares]) @ self._columns
        return np.maximum(out, 0, out=out)


def _left_out(rows: np.ndarray) -> np.ndarray:
    """Returns the factor of a row's distance to the mean of so many rows, itself included, if it is left out; 1 for a row alone.
    float32.
    """
    others = np.where(rows > 1, rows - 1, rows)
    return np.square(rows / np.maximum(others, LEAST)).astype(np.float32)


def improve(
    points: np.ndarray, weights: np.ndarray, found: lloyd.Fit, settings: lloyd.Settings, random: np.random.Generator
) -> lloyd.Fit:
    """Returns a fit whose cost is at most that of `found`; `found` itself where centres are very many. `points` (n, d) float32,
    `weights` (n,) float32, positive.
    """
    if not 1 < len(found.centres) < len(points) or len(found.centres) * len(points) > MOST_CELLS:
        return found
    swaps, few = Swaps(points, weights), replace(settings, iterations=min(STEPS, settings.iterations))
    now, failed = swaps.costs(found.centres), 0
    for _ in range(ROUNDS):
        changed = swaps.best(found.centres, now, random)
        if changed is not None:
            after = lloyd.refine(points, weights, changed.astype(np.float32), few)
            costs = swaps.costs(after.centres)
            if after.cost < found.cost and costs.total < now.total:
                found, now, failed = after, costs, 0
                continue
        failed += 1
        if failed == FAILURES:
            break
    return found
