"""Hyperparameters as a handful of particles, moved by a few steps of Markov chain Monte Carlo after each trial.

Proposals are differences of other particles (ter Braak, 2006, doi:10.1007/s11222-006-8769-1), half of the particles at a time.
The signal's variance is integrated out under an inverse gamma prior.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from sagewright.tuning.surrogates.kernel import Prior
from sagewright.tuning.surrogates.lattice import Floats

JITTER = 1e-7
_SHAPE = _SCALE = 2.0


class ParticleChain:
    """The particles of one searcher, kept from trial to trial."""

    def __init__(self, prior: Prior, count: int, rng: np.random.Generator) -> None:
        """`count` is even."""
        self._prior = prior
        self.particles = prior.draw(rng, count)

    def some(self, count: int) -> Floats:
        return self.particles[:: max(1, len(self.particles) // count)][:count]

    def sweep(self, log_likelihood: Callable[[Floats], Floats], sweeps: int, rng: np.random.Generator) -> None:
        density = self._prior.log_density(self.particles) + log_likelihood(self.particles)
        even = np.arange(len(self.particles)) % 2 == 0
        for _ in range(sweeps):
            for half in (even, ~even):
                proposed = _proposals(self.particles[half], self.particles[~half], rng)
                new = self._prior.log_density(proposed) + log_likelihood(proposed)
                taken = np.log(rng.random(len(proposed))) < new - density[half]
                self.particles[half] = np.where(taken[:, None], proposed, self.particles[half])
                density[half] = np.where(taken, new, density[half])


def _proposals(some: Floats, others: Floats, rng: np.random.Generator) -> Floats:
    count, width = some.shape
    first = rng.integers(0, len(others), count)
    second = (first + rng.integers(1, len(others), count)) % len(others)
    chosen = rng.random(some.shape) < 0.5
    chosen[np.arange(count), rng.integers(0, width, count)] = True
    reach = np.where(rng.random(count) < 0.1, 1.0, 0.8 / np.sqrt(chosen.sum(axis=1)))[:, None]
    steps = reach * (others[first] - others[second]) + 0.15 * rng.normal(size=some.shape)
    return np.where(chosen, some + steps, some)


def log_likelihood(matrices: Floats, values: Floats) -> Floats:
    """Log-likelihood, up to a constant, of the values under covariances of shape (particles, points, points), noise included; only
    lower triangles are used.

    The values are appended as a last row, so that the one factorisation also yields them divided by the factor.
    """
    particles, count = len(matrices), len(values)
    whole = np.zeros((particles, count + 1, count + 1))
    whole[:, :count, :count] = matrices
    whole[:, count, :count] = values
    whole[:, count, count] = 1e18
    try:
        factors = np.linalg.cholesky(whole)
    except np.linalg.LinAlgError:
        return np.full(particles, -1e300)
    square = np.square(factors[:, count, :count]).sum(axis=1)
    determinant = np.log(np.diagonal(factors, axis1=1, axis2=2)[:, :count]).sum(axis=1)
    return -determinant - (_SHAPE + count / 2) * np.log(_SCALE + square / 2)


@dataclass(frozen=True)
class SolvedCovariances:
    """Factorised covariances of known values, for predicting others."""

    inverses: Floats
    """Inverses of the lower factors"""
    weights: Floats
    scale: Floats
    """The signal's variance; (particles,)"""

    @classmethod
    def of(cls, matrices: Floats, values: Floats) -> SolvedCovariances:
        """`values` has shape (particles, points); only lower triangles of the matrices are used."""
        factors = np.linalg.cholesky(matrices)
        inverses = np.stack([np.ascontiguousarray(lapack.dtrtri(factor, lower=1)[0]) for factor in factors])
        whitened = (inverses @ values[:, :, None])[:, :, 0]
        weights = (whitened[:, None, :] @ inverses)[:, 0, :]
        scale = (_SCALE + 0.5 * np.square(whitened).sum(axis=1)) / (_SHAPE + values.shape[1] / 2)
        return cls(inverses, weights, scale)

    def some(self, which: slice) -> SolvedCovariances:
        """Selects some of the particles."""
        return SolvedCovariances(self.inverses[which], self.weights[which], self.scale[which])

    def rough(self) -> SolvedCovariances:
        """The same in single precision."""
        return SolvedCovariances(self.inverses.astype(np.float32), self.weights.astype(np.float32), self.scale)

    def extended(self, alike: Floats, own: Floats) -> SolvedCovariances:
        """Adds one value that equals its expectation: means stay the same, and only the uncertainty falls.

        `alike` of shape (particles, known) are its covariances with the known values, `own` is its variance, noise included.
        """
        particles, count = alike.shape
        across = (self.inverses @ alike[:, :, None])[:, :, 0]
        rest = np.sqrt(np.maximum(own - np.square(across).sum(axis=1), JITTER))[:, None]
        inverses = np.zeros((particles, count + 1, count + 1))
        inverses[:, :count, :count] = self.inverses
        inverses[:, count, :count] = -(across[:, None, :] @ self.inverses)[:, 0, :] / rest
        inverses[:, count, count:] = 1 / rest
        return SolvedCovariances(inverses, np.concatenate([self.weights, np.zeros((particles, 1))], axis=1), self.scale)

    def means(self, alike: Floats) -> Floats:
        """Means of other points from their covariances with the known ones: (particles, others, known) to (particles, others)."""
        return (alike @ self.weights[:, :, None])[:, :, 0]

    def whitened(self, alike: Floats) -> Floats:
        """Rows whose inner products are the reduction of other points' covariances by the known values."""
        return np.asarray(alike @ self.inverses.transpose(0, 2, 1))
