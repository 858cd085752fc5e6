"""The similarity of two points: a mixture of a sum and a product over ranges, for a batch of hyperparameter particles at once.

Each range contributes Matern 5/2 of the distance, or for categories exp(-1/length) if they differ. Points of different tuning jobs
are less similar. A linear term in a prior score is added. A particle is a row: log lengths, logit of the sum's weight, log of noise
to signal, log length between tuning jobs.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from sagewright.tuning.surrogates.lattice import FARTHEST, STEPS, Bools, Floats, Ints

_ROOT3, _ROOT5 = 3**0.5, 5**0.5
_UNIT = _ROOT5 / _ROOT3
_SCORED = 0.25
_LENGTH, _WEIGHT, _NOISE, _TASK = (0.2, 1.0), (0.0, 1.5), (-4.0, 1.5), (0.5, 1.0)
"""Mean and standard deviation of the normal priors."""


@dataclass(frozen=True)
class Points:
    positions: Ints
    """(points, ranges)"""
    tasks: Ints
    """The tuning job of each point; 0 is the current one."""
    scores: Floats
    """Prior scores; zeros if there are none."""

    def __len__(self) -> int:
        return len(self.positions)

    def farthest(self) -> int:
        """Maximum distance, in steps, of any point of the space from one of these."""
        inside = not len(self) or (self.positions.min() >= 0 and self.positions.max() <= STEPS)
        return STEPS if inside else FARTHEST

    def part(self, which: slice) -> Points:
        return Points(self.positions[which], self.tasks[which], self.scores[which])

    def and_(self, other: Points) -> Points:
        return Points(
            np.concatenate([self.positions, other.positions]),
            np.concatenate([self.tasks, other.tasks]),
            np.concatenate([self.scores, other.scores]),
        )


@dataclass(frozen=True)
class Prior:
    """Independent normal priors, with one mean and one standard deviation for each column."""

    means: Floats
    spreads: Floats

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        return self.means + self.spreads * rng.normal(size=(count, len(self.means)))

    def log_density(self, particles: Floats) -> Floats:
        return -0.5 * np.square((particles - self.means) / self.spreads).sum(axis=1)


def prior(ranges: int) -> Prior:
    means, spreads = zip(*[_LENGTH] * ranges, _WEIGHT, _NOISE, _TASK, strict=True)
    return Prior(np.array(means), np.array(spreads))


def _matern(r: Floats) -> Floats:
    """(1 + r + r r / 3) exp(-r)"""
    found = r * (1 / _ROOT3)
    _matern_of(found, np.empty_like(found))
    return found


def _matern_of(scaled: Floats, rising: Floats) -> None:
    """Replaces r / sqrt(3) with (1 + r + r r / 3) exp(-r), without temporary arrays besides `rising`."""
    np.add(scaled, _ROOT3 / 2, out=rising)
    rising *= rising
    rising += 0.25
    scaled *= -_ROOT3
    np.exp(scaled, out=scaled)
    scaled *= rising


def weights(particles: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-particles[:, -3])))


def noises(particles: Floats) -> Floats:
    return np.asarray(np.exp(np.clip(particles[:, -2], -14, 3)))


@dataclass(frozen=True)
class PointPairs:
    """All pairs of the points, with the inputs of their similarity."""

    places: Ints
    """Positions of the pairs in the flattened matrix, below the diagonal"""
    count: int
    apart: Floats
    """(ranges, pairs): distances, or 0 and 1 for categories"""
    tasks: Floats
    scored: Floats

    @classmethod
    def of(cls, points: Points, categorical: Bools) -> PointPairs:
        rows, columns = np.tril_indices(len(points), -1)
        steps = np.abs(points.positions[rows] - points.positions[columns]).T
        apart = np.where(categorical[:, None], (steps != 0) * 1.0, steps / STEPS)
        tasks = (points.tasks[rows] != points.tasks[columns]) * 1.0
        places = rows * len(points) + columns
        return cls(places, len(points), apart, tasks, _SCORED * points.scores[rows] * points.scores[columns])

    def rough(self) -> PointPairs:
        """Single precision, which is enough for comparing hyperparameters and takes half the time."""
        return PointPairs(self.places, self.count, *map(_single, (self.apart, self.tasks, self.scored)))

    def matrices(self, particles: Floats, categorical: Bools, diagonal: Floats) -> Floats:
        """(particles, points, points), lower triangles only; the diagonal has the shape (points,) or (particles, points)."""
        shape, kind = (len(particles), len(self.places)), self.apart.dtype
        lengths = np.exp(-np.clip(particles[:, : len(categorical)], -8, 8))
        scales = np.where(categorical, lengths, lengths * _UNIT).astype(kind)
        total, product, one, rising = (np.empty(shape, kind) for _ in range(4))
        for d, is_category in enumerate(categorical.tolist()):
            alike = one if d else total
            np.multiply(self.apart[d], scales[:, d : d + 1], out=alike)
            if is_category:
                np.negative(alike, out=alike)
                np.exp(alike, out=alike)
            else:
                _matern_of(alike, rising)
            if d:
                total += alike
                product *= alike
            else:
                np.copyto(product, alike)
        weight = weights(particles)[:, None].astype(kind)
        total *= weight / len(categorical)
        product *= 1 - weight
        total += product
        if self.tasks.any():
            total *= np.exp(-self.tasks * np.exp(-np.clip(particles[:, -1:], -8, 8)))
        total += self.scored
        full = np.zeros((len(particles), self.count * self.count))
        full[:, self.places] = total
        full[:, :: self.count + 1] = diagonal
        return full.reshape(len(particles), self.count, self.count)


def _single(numbers: Floats) -> Floats:
    return numbers.astype(np.float32)


def _mirrored(table: Floats) -> Floats:
    """A table by distance as one by difference, from the most negative one on."""
    return np.concatenate([table[:, :0:-1], table], axis=1)


def own_likeness(points: Points) -> Floats:
    return np.asarray(1.0 + _SCORED * np.square(points.scores))


class Likeness:
    """The similarity of any points to known ones, from tables of each range's distances up to a maximum number of steps."""

    def __init__(self, particles: Floats, categorical: Bools, farthest: int = FARTHEST) -> None:
        self._weight = weights(particles)
        self._between = np.exp(-np.exp(-np.clip(particles[:, -1], -8, 8)))[:, None, None]
        self._farthest = farthest
        lengths = np.exp(-np.clip(particles[:, : len(categorical)], -8, 8))
        steps = np.arange(farthest + 1) / STEPS
        self._tables = [
            _mirrored(np.exp(-np.minimum(np.arange(farthest + 1), 1) * lengths[:, d : d + 1]))
            if is_category
            else _mirrored(_matern(_ROOT5 * steps * lengths[:, d : d + 1]))
            for d, is_category in enumerate(categorical)
        ]

    def some(self, which: slice) -> Likeness:
        """Selects some of the particles."""
        found = copy.copy(self)
        found._weight, found._between = self._weight[which], self._between[which]
        found._tables = [table[which] for table in self._tables]
        return found

    def rough(self) -> Likeness:
        """The same in single precision."""
        found = copy.copy(self)
        found._tables = [_single(table) for table in self._tables]
        return found

    def between(self, some: Points, known: Points) -> Floats:
        """(particles, some, known)"""
        shifted = self._farthest - known.positions
        places = [some.positions[:, None, d] + shifted[None, :, d] for d in range(len(self._tables))]
        kind = self._tables[0].dtype
        found = np.empty((len(self._weight), len(some), len(known)), kind)
        product, one = np.empty(found.shape[1:], kind), np.empty(found.shape[1:], kind)
        for p, weight in enumerate(self._weight.tolist()):  # sequentially, to stay within the cache
            total = found[p]
            for d, table in enumerate(self._tables):
                # All places are inside the table; "wrap" is the mode that checks fastest.
                np.take(table[p], places[d], out=one if d else total, mode="wrap")
                if d:
                    total += one
                    product *= one
                else:
                    np.multiply(total, 1 - weight, out=product)
            total *= weight / len(self._tables)
            total += product
        return self._mixed(found, some, known)

    def _mixed(self, alike: Floats, some: Points, known: Points) -> Floats:
        differ = some.tasks[:, None] != known.tasks[None, :]
        if differ.any():
            alike = np.where(differ, alike * self._between, alike)
        if some.scores.any():
            alike += _SCORED * some.scores[:, None] * known.scores[None, :]
        return alike
