"""Lloyd's algorithm on weighted points that fit in memory, and the choice of its first centres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.firstparty import threads
from sagewright.algorithms.firstparty.directions import Directions
from sagewright.algorithms.kmeans import distances


@dataclass(frozen=True)
class Settings:
    """Hyperparameters `local_lloyd_*`. `tolerance` is the relative fall of the cost below which a trial ends."""

    init_method: str = "kmeans++"
    iterations: int = 300
    trials: int = 10
    tolerance: float = 1e-4


@dataclass(frozen=True)
class Fit:
    """`centres` (k, d) float32, and the mean squared distance of the points to them."""

    centres: np.ndarray
    cost: float


def initial(
    points: np.ndarray, count: int, method: str, random: np.random.Generator, weights: np.ndarray
) -> np.ndarray:
    """(count, d) of the points, chosen at random or by k-means++; with fewer points than that some are repeated."""
    if len(points) <= count:
        return points[np.arange(count) % len(points)].copy()
    if method == "random":
        return points[random.choice(len(points), count, replace=False, p=weights / weights.sum())].copy()
    return points[_plus_plus(points, count, random, weights)]


def _plus_plus(points: np.ndarray, count: int, random: np.random.Generator, weights: np.ndarray) -> np.ndarray:
    """The numbers of the chosen points by greedy k-means++: of 2 + log k candidates each time the one that lowers the cost most."""
    points = points - points.mean(axis=0, dtype=np.float64).astype(
        points.dtype
    )  # else products drown far from the origin
    squares = np.einsum("ij,ij->i", points, points)
    candidates = 2 + int(np.log(count))
    chosen = [int(random.choice(len(points), p=weights / weights.sum()))]
    closest = _squared(points, squares, chosen)[0]
    for _ in range(1, count):
        mass = np.cumsum(closest * weights, dtype=np.float64)
        if mass[-1] <= 0:  # every point is a centre already
            chosen.append(int(random.integers(len(points))))
            continue
        picked = np.minimum(np.searchsorted(mass, random.random(candidates) * mass[-1]), len(points) - 1)
        possible = np.minimum(_squared(points, squares, picked), closest)
        best = int((possible @ weights).argmin())
        chosen.append(int(picked[best]))
        closest = possible[best]
    return np.array(chosen)


def _squared(points: np.ndarray, squares: np.ndarray, picked: np.ndarray | list[int]) -> np.ndarray:
    """(picked, n) squared distances."""
    return np.maximum(squares[picked][:, None] - 2 * (points[picked] @ points.T) + squares, 0)


def fit(
    points: np.ndarray,
    weights: np.ndarray,
    count: int,
    settings: Settings,
    random: np.random.Generator,
    few: Directions | None = None,
) -> list[Fit]:
    """One fit for each trial. `points` (n, d) float32, `weights` (n,) float32, positive; `few` as in `refine`."""
    seen = points if few is None else few(points)

    def attempt(own: np.random.Generator) -> Fit:
        begun = initial(seen, count, settings.init_method, own, weights)
        if few is not None:
            begun = _whole(points, weights, seen, refine(seen, weights, begun, settings).centres)
        return refine(points, weights, begun, settings)

    return threads.each(attempt, random.spawn(settings.trials))


def refine(
    points: np.ndarray, weights: np.ndarray, centres: np.ndarray, settings: Settings, few: Directions | None = None
) -> Fit:
    """Lloyd's steps from `centres` until the cost stops falling. With `few` directions along these first, which takes a fraction
    of the time and leaves little to do (C. Boutsidis et al., "Randomized Dimensionality Reduction for k-Means Clustering", 2015).
    """
    if few is not None:
        seen = few(points)
        centres = _whole(points, weights, seen, refine(seen, weights, few(centres), settings).centres)
    total, cost = weights.sum(dtype=np.float64), np.inf
    for _ in range(settings.iterations):
        chosen, squared = distances.nearest(points, centres)
        before, cost = cost, float(squared @ weights.astype(np.float64) / total)
        moved = _means(points, weights, chosen, centres)
        if before - cost <= settings.tolerance * cost:
            return Fit(centres, cost)
        centres = moved
    return Fit(centres, cost)


def _means(points: np.ndarray, weights: np.ndarray, chosen: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The mean of the points of each centre; centres without points stay where they are."""
    mass = np.bincount(chosen, weights, len(centres))
    used = mass > 0
    moved = centres.copy()
    moved[used] = distances.sums(points, chosen, len(centres), weights)[used] / mass[used, None]
    return moved


def _whole(points: np.ndarray, weights: np.ndarray, seen: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The means of the points that `centres`, in the coordinates of `seen`, are nearest to; of none: a point."""
    return _means(points, weights, distances.assign(seen, centres), points[np.arange(len(centres)) % len(points)])
