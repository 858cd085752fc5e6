"""Lloyd's algorithm on weighted points that fit in memory, and the choice of its first centres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.firstparty import threads
from sagewright.algorithms.firstparty.directions import Directions
from sagewright.algorithms.kmeans import distances, together

ROUNDS = 3
FEW_CELLS = 1 << 18
"""Trials times points times centres up to which all trials run at once."""


@dataclass(frozen=True)
class Settings:
    """Hyperparameters `local_lloyd_*`. `tolerance` is the relative fall of the cost below which a trial ends."""

    init_method: str = "kmeans++"
    iterations: int = 300
    trials: int = 10
    tolerance: float = 1e-4


@dataclass(frozen=True)
class Fit:
    """Centres (k, d) float32, and the mean squared distance of the points to them."""

    centres: np.ndarray
    cost: float


def initial(
    points: np.ndarray, count: int, method: str, random: np.random.Generator, weights: np.ndarray
) -> np.ndarray:
    """Chooses `count` of the points, (count, d), at random or by k-means++. Repeats some if there are fewer points than that."""
    if len(points) <= count:
        return points[np.arange(count) % len(points)].copy()
    if method == "random":
        return points[random.choice(len(points), count, replace=False, p=weights / weights.sum())].copy()
    return points[together.plus_plus(points, weights, count, [random])[0]]


def fit(
    points: np.ndarray,
    weights: np.ndarray,
    count: int,
    settings: Settings,
    random: np.random.Generator,
    few: Directions | None = None,
) -> list[Fit]:
    """Returns one fit for each trial. `points` (n, d) float32, `weights` (n,) float32, positive; `few` as in `refine`."""
    projected = points if few is None else few(points)
    randoms = random.spawn(settings.trials)
    if few is None and settings.trials * len(points) * count <= FEW_CELLS:
        if settings.init_method == "random" or len(points) <= count:
            begun = np.stack([initial(points, count, settings.init_method, own, weights) for own in randoms])
        else:
            begun = points[together.plus_plus(points, weights, count, randoms)]
        found = together.refine(points, weights, begun, settings.iterations, settings.tolerance)
        return [Fit(centres, float(cost)) for centres, cost in zip(*found, strict=True)]

    def attempt(own: np.random.Generator) -> Fit:
        begun = initial(projected, count, settings.init_method, own, weights)
        if few is not None:
            begun = _whole(points, weights, projected, refine(projected, weights, begun, settings).centres)
        return refine(points, weights, begun, settings)

    return threads.each(attempt, randoms)


def refine(
    points: np.ndarray, weights: np.ndarray, centres: np.ndarray, settings: Settings, few: Directions | None = None
) -> Fit:
    """Runs Lloyd's steps from `centres` until the cost stops falling. With `few`, it first runs them along these directions, which
    takes a fraction of the time and leaves little to do (C. Boutsidis et al., "Randomized Dimensionality Reduction for k-Means
    Clustering", 2015).
    """
    if few is not None:
        projected = few(points)
        centres = _whole(points, weights, projected, refine(projected, weights, few(centres), settings).centres)
    total, cost, wide = weights.sum(dtype=np.float64), np.inf, distances.widen(points)
    for _ in range(settings.iterations):
        chosen, squared = distances.nearest(points, centres, wide=wide)
        before, cost = cost, float(squared @ weights.astype(np.float64) / total)
        moved = _means(points, weights, chosen, centres)
        if before - cost <= settings.tolerance * cost:
            return Fit(centres, cost)
        centres = moved
    return Fit(centres, cost)


def oversampled(
    points: np.ndarray, weights: np.ndarray, centres: np.ndarray, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns more centres than `count` to choose from, (K, d), and the weight of the points of each, (K,): `centres`, and points
    that are far from all of these, drawn in `ROUNDS` rounds (B. Bahmani et al., "Scalable K-Means++", VLDB 2012).
    """
    random, wide = np.random.default_rng([seed, 3]), distances.widen(points)
    chosen, squared = distances.nearest(points, centres, wide=wide)
    for _ in range(ROUNDS):
        mass = squared * weights
        far = np.flatnonzero(mass > 0)
        keys = random.exponential(size=len(far)) / mass[far]
        drawn = points[far[np.argpartition(keys, count)[:count]] if len(far) > count else far]
        if not len(drawn):
            break
        nearest, closer = distances.nearest(points, drawn, wide=wide)
        moved = closer < squared
        chosen[moved], squared[moved] = nearest[moved] + len(centres), closer[moved]
        centres = np.concatenate([centres, drawn])
    belonging = np.bincount(chosen, weights, len(centres))
    used = belonging > 0
    return _means(points, weights, chosen, centres)[used].astype(np.float32), belonging[used].astype(np.float32)


def _means(points: np.ndarray, weights: np.ndarray, chosen: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Returns the mean of the points of each centre; centres without points stay where they are."""
    mass = np.bincount(chosen, weights, len(centres))
    used = mass > 0
    moved = centres.copy()
    moved[used] = distances.sums(points, chosen, len(centres), weights)[used] / mass[used, None]
    return moved


def _whole(points: np.ndarray, weights: np.ndarray, projected: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Returns the means of the points nearest to each of `centres`, in the coordinates of `seen`; a centre without points becomes a
    point.
    """
    return _means(points, weights, distances.assign(projected, centres), points[np.arange(len(centres)) % len(points)])
