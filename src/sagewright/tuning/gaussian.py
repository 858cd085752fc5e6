"""A Gaussian process over points: what several particles of hyperparameters, with some points' values, say of any other point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewright.tuning.chain import JITTER, Solved, log_likelihood
from sagewright.tuning.kernel import Likeness, Pairs, Points, noises, own_likeness
from sagewright.tuning.lattice import Bools, Floats


@dataclass(frozen=True)
class Data:
    points: Points
    values: Floats
    """(points,) or, where some are only believed, (particles, points)"""
    categorical: Bools


class Likelihood:
    """Of the data, by particle."""

    def __init__(self, data: Data) -> None:
        self._data, self._pairs = data, Pairs.of(data.points, data.categorical)

    def __call__(self, particles: Floats) -> Floats:
        return log_likelihood(_covariances(self._data, self._pairs, particles), self._data.values)


class Posterior:
    def __init__(self, particles: Floats, data: Data) -> None:
        self._particles, self._data = particles, data
        self._likeness = Likeness(particles, data.categorical)
        values = np.broadcast_to(data.values, (len(particles), len(data.points)))
        self._solved = Solved.of(_covariances(data, Pairs.of(data.points, data.categorical), particles), values)

    def predict(self, some: Points) -> tuple[Floats, Floats]:
        """Means and standard deviations without noise, (particles, points)."""
        alike = self._likeness.between(some, self._data.points)
        whitened = self._solved.whitened(alike)
        known = np.einsum("pmn,pmn->pm", whitened, whitened)
        variances = np.maximum(own_likeness(some) - known, 1e-12)
        return self._solved.means(alike), np.sqrt(variances * self._solved.scale[:, None])

    def believing(self, some: Points) -> Posterior:
        """As if these points had turned out as expected: what is asked next keeps away from them."""
        means, _ = self.predict(some)
        known = np.broadcast_to(self._data.values, (len(means), len(self._data.points)))
        values = np.concatenate([known, means], axis=1)
        return Posterior(self._particles, Data(self._data.points.and_(some), values, self._data.categorical))


def _covariances(data: Data, pairs: Pairs, particles: Floats) -> Floats:
    diagonal = own_likeness(data.points) + noises(particles)[:, None] + JITTER
    return pairs.matrices(particles, data.categorical, diagonal)
