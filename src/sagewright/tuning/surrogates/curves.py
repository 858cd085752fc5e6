"""A Gaussian process over points and epochs: predicts the final result of many trials from a few epochs of each.

Covariance: kx (c + (1 - c) kt) + 0.3 kt + [same trial] r kt, with kx of `kernel` and kt = exp(-|difference of log epochs|). Columns
of a particle beside those of kx: logit of c, log of r. After freeze-thaw (Swersky et al., https://arxiv.org/abs/1406.3896).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewright.tuning.surrogates.chain import JITTER, SolvedCovariances, log_likelihood
from sagewright.tuning.surrogates.kernel import Likeness, PointPairs, Points, Prior
from sagewright.tuning.surrogates.lattice import Bools, Floats, Ints

_LENGTH, _WEIGHT, _NOISE, _TASK = (0.2, 0.8), (0.0, 1.5), (-6.9, 0.7), (0.5, 1.0)
_LASTING, _OWN = (0.4, 0.7), (-2.5, 0.7)
_SHARED = 0.3
_EXTRA = 2


def prior(ranges: int) -> Prior:
    columns = [_LENGTH] * ranges + [_WEIGHT, _NOISE, _TASK, _LASTING, _OWN]
    means, spreads = zip(*columns, strict=True)
    return Prior(np.array(means), np.array(spreads))


@dataclass(frozen=True)
class Observations:
    """Observations of trials at epochs, one per row."""

    points: Points
    owners: Ints
    """The trial of each; -1 for a trial that has not begun"""
    times: Floats
    """Logarithm of the epoch, divided by that of the last one"""

    def __len__(self) -> int:
        return len(self.times)

    def and_(self, other: Observations) -> Observations:
        return Observations(
            self.points.and_(other.points),
            np.concatenate([self.owners, other.owners]),
            np.concatenate([self.times, other.times]),
        )

    def part(self, which: slice) -> Observations:
        return Observations(self.points.part(which), self.owners[which], self.times[which])


@dataclass(frozen=True)
class CurveData:
    observed: Observations
    values: Floats
    categorical: Bools


class CurveLikelihood:
    def __init__(self, data: CurveData) -> None:
        self._data, self._pairs = data, PointPairs.of(data.observed.points, data.categorical).rough()

    def __call__(self, particles: Floats) -> Floats:
        return log_likelihood(_covariances(self._data, self._pairs, particles), self._data.values)


@dataclass(frozen=True)
class CurvePosterior:
    """The posterior given the observations."""

    particles: Floats
    observed: Observations
    likeness: Likeness
    solved: SolvedCovariances

    @classmethod
    def of(cls, particles: Floats, data: CurveData) -> CurvePosterior:
        values = np.broadcast_to(data.values, (len(particles), len(data.observed)))
        solved = SolvedCovariances.of(
            _covariances(data, PointPairs.of(data.observed.points, data.categorical), particles), values
        )
        return cls(particles, data.observed, Likeness(particles[:, :-_EXTRA], data.categorical), solved)

    def ends(self, some: Observations) -> Floats:
        """Expected values at the last epoch, (particles, trials)."""
        return self.solved.means(self._alike(some, np.ones(len(some))))

    def lessons(self, some: Observations) -> tuple[Floats, Floats]:
        """Expected values at the last epoch, and their standard movement after an observation at the times of `some`.

        The movement is the value of one more observation: uncertainty about the end that an observation does not reduce doesn't
        count.
        """
        last = np.ones(len(some))
        at_end, at_look = self._alike(some, last), self._alike(some, some.times)
        end, look = self.solved.whitened(at_end), self.solved.whitened(at_look)
        lasting, own = _lasting(self.particles)[:, None], _own(self.particles)[:, None]
        kt = np.exp(-np.abs(last - some.times))
        together = lasting + (1 - lasting) * kt + (_SHARED + own) * kt - np.einsum("pmn,pmn->pm", end, look)
        alone = 1 + _SHARED + own - np.einsum("pmn,pmn->pm", look, look)
        moves = np.abs(together) / np.sqrt(np.maximum(alone, 1e-12) + _noises(self.particles)[:, None])
        return self.solved.means(at_end), np.maximum(moves, 1e-9) * np.sqrt(self.solved.scale)[:, None]

    def believing(self, some: Observations) -> CurvePosterior:
        """The posterior as if these observations had matched their expectation."""
        found, own = self, 1 + _SHARED + _own(self.particles) + _noises(self.particles) + JITTER
        for i in range(len(some)):
            one = some.part(slice(i, i + 1))
            solved = found.solved.extended(found._alike(one, one.times)[:, 0, :], own)
            found = CurvePosterior(found.particles, found.observed.and_(one), found.likeness, solved)
        return found

    def _alike(self, some: Observations, times: Floats) -> Floats:
        kx = self.likeness.between(some.points, self.observed.points)
        kt = np.exp(-np.abs(times[:, None] - self.observed.times[None, :]))
        same = (some.owners[:, None] == self.observed.owners[None, :]) & (some.owners[:, None] >= 0)
        return _mixed(kx, kt, same, self.particles)


def _lasting(particles: Floats) -> Floats:
    return 1 / (1 + np.exp(-particles[:, -2]))


def _own(particles: Floats) -> Floats:
    return np.exp(np.clip(particles[:, -1], -12, 3))


def _noises(particles: Floats) -> Floats:
    return np.exp(np.clip(particles[:, -_EXTRA - 2], -14, 3))


def _mixed(kx: Floats, kt: Floats, same: Bools, particles: Floats) -> Floats:
    lasting, own = _lasting(particles)[:, None, None], _own(particles)[:, None, None]
    return kx * (lasting + (1 - lasting) * kt) + (_SHARED + own * same) * kt


def _covariances(data: CurveData, pairs: PointPairs, particles: Floats) -> Floats:
    observed = data.observed
    kx = pairs.matrices(particles[:, :-_EXTRA], data.categorical, np.ones(len(observed)))
    kt = np.exp(-np.abs(observed.times[:, None] - observed.times[None, :]))
    mixed = _mixed(kx, kt, observed.owners[:, None] == observed.owners[None, :], particles)
    diagonal = np.arange(len(observed))
    mixed[:, diagonal, diagonal] += _noises(particles)[:, None] + JITTER
    return mixed
