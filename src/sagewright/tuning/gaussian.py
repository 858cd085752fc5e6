"""A Gaussian process whose hyperparameters are a handful of particles, moved by a few steps of Markov chain Monte Carlo a trial.

Nothing is optimised. Proposals are differences of other particles (ter Braak, 2006, doi:10.1007/s11222-006-8769-1), half of the
particles at a time; the signal's variance is integrated out under an inverse gamma prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from sagewright.tuning.kernel import Likeness, Pairs, Points, Prior, noises, own_likeness
from sagewright.tuning.lattice import Bools, Floats

PARTICLES = 16
USED = 8
_SHAPE = _SCALE = 2.0
_JITTER = 1e-7


@dataclass(frozen=True)
class Data:
    points: Points
    values: Floats
    """(points,) or, where they are only believed, (particles, points)"""
    categorical: Bools


class Chain:
    """Particles of one searcher, kept from trial to trial."""

    def __init__(self, ranges: int, rng: np.random.Generator) -> None:
        self._prior = Prior(ranges)
        self.particles = self._prior.draw(rng, PARTICLES)

    @property
    def used(self) -> Floats:
        return self.particles[:: PARTICLES // USED]

    def posterior(self, data: Data) -> Posterior:
        return Posterior(self.used, data)

    def sweep(self, data: Data, sweeps: int, rng: np.random.Generator) -> None:
        fit = _Fit(data)
        density = self._density(fit, self.particles)
        halves = np.arange(PARTICLES) % 2 == 0
        for _ in range(sweeps):
            for half in (halves, ~halves):
                proposed = _proposals(self.particles[half], self.particles[~half], rng)
                new = self._density(fit, proposed)
                taken = np.log(rng.random(len(proposed))) < new - density[half]
                self.particles[half] = np.where(taken[:, None], proposed, self.particles[half])
                density[half] = np.where(taken, new, density[half])

    def _density(self, fit: _Fit, particles: Floats) -> Floats:
        return self._prior.log_density(particles) + fit.log_likelihood(particles)


def _proposals(some: Floats, others: Floats, rng: np.random.Generator) -> Floats:
    count, width = some.shape
    first = rng.integers(0, len(others), count)
    second = (first + rng.integers(1, len(others), count)) % len(others)
    chosen = rng.random(some.shape) < 0.5
    chosen[np.arange(count), rng.integers(0, width, count)] = True
    reach = np.where(rng.random(count) < 0.1, 1.0, 0.8 / np.sqrt(chosen.sum(axis=1)))[:, None]
    steps = reach * (others[first] - others[second]) + 0.15 * rng.normal(size=some.shape)
    return np.where(chosen, some + steps, some)


class _Fit:
    def __init__(self, data: Data) -> None:
        self._categorical, self._values = data.categorical, data.values
        self._pairs, self._diagonal = Pairs.of(data.points, data.categorical), own_likeness(data.points)

    def log_likelihood(self, particles: Floats) -> Floats:
        """Up to a constant. The values are a last row of the matrix, so that its factor holds them divided by the factor."""
        count = len(self._values)
        diagonal = self._diagonal + noises(particles)[:, None] + _JITTER
        whole = np.empty((len(particles), count + 1, count + 1))
        whole[:, :count, :count] = self._pairs.matrices(particles, self._categorical, diagonal)
        whole[:, count, :count] = whole[:, :count, count] = self._values
        whole[:, count, count] = 1e18
        try:
            factor = np.linalg.cholesky(whole)
        except np.linalg.LinAlgError:
            return np.full(len(particles), -1e300)
        square = np.square(factor[:, count, :count]).sum(axis=1)
        determinant = np.log(np.diagonal(factor, axis1=1, axis2=2)[:, :count]).sum(axis=1)
        return np.asarray(-determinant - (_SHAPE + count / 2) * np.log(_SCALE + square / 2))


class Posterior:
    """What the particles say of any point, given some points' values."""

    def __init__(self, particles: Floats, data: Data) -> None:
        self._particles, self._data = particles, data
        points, categorical = data.points, data.categorical
        self._likeness = Likeness(particles, categorical)
        diagonal = own_likeness(points) + noises(particles)[:, None] + _JITTER
        matrices = Pairs.of(points, categorical).matrices(particles, categorical, diagonal)
        factors = np.linalg.cholesky(matrices)
        self._inverses = np.stack([np.ascontiguousarray(lapack.dtrtri(factor, lower=1)[0]) for factor in factors])
        values = np.broadcast_to(data.values, (len(particles), len(points)))
        whitened = np.einsum("pij,pj->pi", self._inverses, values)
        self._weights = np.einsum("pij,pi->pj", self._inverses, whitened)
        count = len(points)
        self._scale = (_SCALE + 0.5 * np.square(whitened).sum(axis=1)) / (_SHAPE + count / 2)

    def predict(self, some: Points) -> tuple[Floats, Floats]:
        """Means and standard deviations without noise, (particles, points)."""
        alike = self._likeness.between(some, self._data.points)
        means = (alike @ self._weights[:, :, None])[:, :, 0]
        whitened = [one @ inverse.T for one, inverse in zip(alike, self._inverses, strict=True)]
        known = np.stack([np.einsum("mn,mn->m", one, one) for one in whitened])
        variances = np.maximum(own_likeness(some) - known, 1e-12)
        return means, np.sqrt(variances * self._scale[:, None])

    def believing(self, some: Points) -> Posterior:
        """As if these points had turned out as expected: what is asked next keeps away from them."""
        means, _ = self.predict(some)
        known = np.broadcast_to(self._data.values, (len(means), len(self._data.points)))
        values = np.concatenate([known, means], axis=1)
        return Posterior(self._particles, Data(self._data.points.and_(some), values, self._data.categorical))
