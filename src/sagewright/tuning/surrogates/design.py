"""The first points of a search, before there are results: the middle, then points far from each other."""

from __future__ import annotations

import numpy as np

from sagewright.tuning.surrogates.lattice import Floats, Ints, Lattice, keys

_TRIES = 40
_LIKELY = 0.05


def spread(lattice: Lattice, rng: np.random.Generator, count: int) -> Ints:
    """The middle and a Latin hypercube: of several, the one with the largest minimum distance between points."""
    ranges = len(lattice.levels)
    best, apart = np.empty((0, ranges)), -1.0
    for _ in range(_TRIES if count > 2 else 1):
        cells = np.stack([rng.permutation(count - 1) for _ in range(ranges)], axis=1)
        places = (cells + rng.random(cells.shape)) / max(count - 1, 1)
        closest = _closest(np.concatenate([np.full((1, ranges), 0.5), places]))
        if closest > apart:
            best, apart = places, closest
    return lattice.at(np.concatenate([np.full((1, ranges), 0.5), best]))


def likely(lattice: Lattice, score: Floats, pool: Ints, count: int) -> Ints:
    """Points of the best twentieth of the pool by score that are far from each other."""
    best = pool[np.argsort(-score)[: max(count, int(_LIKELY * len(pool)))]]
    places = lattice.places(best)
    chosen = [0]
    apart = np.full(len(best), np.inf)
    while len(chosen) < count:
        steps = np.abs(places - places[chosen[-1]])
        steps = np.where(lattice.categorical, (steps > 0) * 1.0, steps)
        apart = np.minimum(apart, steps.sum(axis=1))
        chosen.append(int(np.argmax(apart)))
    return best[chosen]


def unseen(lattice: Lattice, rng: np.random.Generator, seen: set[bytes]) -> Ints | None:
    """Any point that was not tried; None if there is none."""
    drawn = lattice.uniform(rng, 200)
    if len(seen) > lattice.size / 2:
        drawn = lattice.all()
        rng.shuffle(drawn)
    for row, key in zip(drawn, keys(drawn), strict=True):
        if key not in seen:
            return np.asarray(row)
    return None


def _closest(places: Floats) -> float:
    steps = np.square(places[:, None, :] - places[None, :, :]).sum(axis=2)
    return float(steps[np.triu_indices(len(places), 1)].min())
