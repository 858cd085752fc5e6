"""A Gaussian process over points: predicts the value of any point from known values, for several particles of hyperparameters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sagewright.tuning.surrogates.chain import JITTER, SolvedCovariances, log_likelihood
from sagewright.tuning.surrogates.kernel import Likeness, PointPairs, Points, noises, own_likeness
from sagewright.tuning.surrogates.lattice import Bools, Floats


@dataclass(frozen=True)
class Data:
    points: Points
    values: Floats
    categorical: Bools

    @cached_property
    def pairs(self) -> PointPairs:
        return PointPairs.of(self.points, self.categorical)


class Likelihood:
    """The data's likelihood for each particle."""

    def __init__(self, data: Data) -> None:
        self._data, self._pairs = data, data.pairs.rough()

    def __call__(self, particles: Floats) -> Floats:
        return log_likelihood(_covariances(self._data, self._pairs, particles), self._data.values)


@dataclass(frozen=True)
class Posterior:
    """The posterior given the known points' values."""

    known: Points
    likeness: Likeness
    noises: Floats
    solved: SolvedCovariances
    settled: Floats
    """Expected values of the known points, (particles, known)"""

    @classmethod
    def of(cls, particles: Floats, data: Data) -> Posterior:
        values = np.broadcast_to(data.values, (len(particles), len(data.points)))
        solved = SolvedCovariances.of(_covariances(data, data.pairs, particles), values)
        noise = noises(particles)
        settled = data.values - (noise[:, None] + JITTER) * solved.weights
        likeness = Likeness(particles, data.categorical, data.points.farthest())
        return cls(data.points, likeness, noise, solved, settled)

    def predict(self, some: Points) -> tuple[Floats, Floats]:
        """Means and standard deviations without noise, (particles, points)."""
        alike = self.likeness.between(some, self.known)
        whitened = self.solved.whitened(alike)
        taken = np.einsum("pmn,pmn->pm", whitened, whitened)
        variances = np.maximum(own_likeness(some) - taken, 1e-12)
        return self.solved.means(alike), np.sqrt(variances * self.solved.scale[:, None])

    def means(self, some: Points) -> Floats:
        """Means (particles, points)."""
        return self.solved.means(self.likeness.between(some, self.known))

    def some(self, which: slice) -> Posterior:
        """Selects some of the particles."""
        likeness, solved = self.likeness.some(which), self.solved.some(which)
        return Posterior(self.known, likeness, self.noises[which], solved, self.settled[which])

    def rough(self) -> Posterior:
        """The same in single precision, which is enough for selecting the points that are worth a closer look."""
        return Posterior(self.known, self.likeness.rough(), self.noises, self.solved.rough(), self.settled)

    def believing(self, some: Points) -> Posterior:
        """The posterior as if these points had matched their expectation, so that later suggestions avoid them."""
        found = self
        for i in range(len(some)):
            one = some.part(slice(i, i + 1))
            alike = found.likeness.between(one, found.known)
            expected = np.concatenate([found.settled, found.solved.means(alike)], axis=1)
            solved = found.solved.extended(alike[:, 0, :], own_likeness(one) + found.noises + JITTER)
            found = Posterior(found.known.and_(one), found.likeness, found.noises, solved, expected)
        return found


def _covariances(data: Data, pairs: PointPairs, particles: Floats) -> Floats:
    diagonal = own_likeness(data.points) + noises(particles)[:, None] + JITTER
    return pairs.matrices(particles, data.categorical, diagonal)
