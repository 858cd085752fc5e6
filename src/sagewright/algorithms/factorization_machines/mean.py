"""The mean of a chain's machines as one machine with as many factors.

All machines' factors, side by side, have the products of one machine with many factors. Its first principal directions are the
nearest with few, as long as columns are independent; those of a user and of the user's age are not. So the weights are then fitted
to the mean of the machines' predictions for the rows, which has no noise.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sagewright.algorithms.factorization_machines.gibbs import PROBIT, Sampler
from sagewright.algorithms.factorization_machines.model import Machine
from sagewright.algorithms.factorization_machines.task import Length

MOST_FACTORS, MOST_CELLS = 1000, 1 << 26
"""Limits of the mean machine: the number of factors that it is made of, and of values in all of them."""
TOGETHER, NARROWED = 12, 4
"""Machines whose factors are kept before they are reduced to as many as NARROWED machines have."""
LEAST_SQUARES = 0.5
"""Minimum sum of squares, and that of columns that occur in no row."""
FITS, HELD = 2, 20.0
"""Passes over all weights of the fit to the mean prediction, and the penalty of a weight's move, for labels of variance 1."""
REFRESHED = 20
"""Sweeps between two exact calculations of the errors, and between two lines of the log."""


class MeanMachine:
    """The mean of the machines of `sweeps` sweeps. Factors of some machines are placed side by side, and now and then reduced."""

    def __init__(self, sampler: Sampler, sweeps: int) -> None:
        most = max(1, min(MOST_FACTORS, MOST_CELLS // sampler.task.x.shape[1]) // max(sampler.task.factors, 1))
        self.sampler, self.sweeps, self.step, self.done = sampler, sweeps, -(-sweeps // most), 0
        self.bias, self.linear, self.of_blocks = 0.0, np.zeros(len(sampler.active)), np.zeros_like(sampler.priors.mean)
        cells = (len(sampler.active) + len(sampler.priors.mean)) * sampler.task.factors
        self._together = max(2, min(TOGETHER, MOST_CELLS // max(cells, 1)))
        self._factors: list[np.ndarray] = []
        self._machines = 0
        self._squares_of_rows = self._squares()
        self.total, self.square = np.zeros(len(sampler.y)), np.zeros(len(sampler.y))

    def add(self) -> None:
        """Adds the chain's present machine."""
        chain, share = self.sampler, 1 / self.sweeps
        self.done += 1
        self.bias += chain.bias * share
        self.linear += chain.weights[:, 0] * share
        self.of_blocks += chain.priors.mean * share
        predicted = chain.predicted()
        self.total += predicted * share
        if chain.task.binary:
            self.square += predicted * predicted * share
        if self.done % self.step == 0 or self.done == self.sweeps:
            self._machines += 1
            self._factors.append(np.concatenate([chain.weights[:, 1:], chain.priors.mean[:, 1:]], dtype=np.float32))
            width = chain.task.factors
            if width and sum(each.shape[1] for each in self._factors) >= self._together * width:
                self._factors = [self._narrowed(max(1, self._together * NARROWED // TOGETHER))]

    def machine(self) -> Machine:
        """The machine for all columns and unscaled labels, of no more factors than the chain's."""
        chain = self.sampler
        scale = chain.scale
        if chain.task.binary:
            spread = np.array([np.sum(self.square - self.total**2), len(self.total)])
            scale = PROBIT / np.sqrt(1 + max(float(np.divide(*chain.group.total(spread))), 0.0))
        bias, linear, factors = self._fitted(self._narrowed(1) / np.float32(np.sqrt(self._machines)))
        of_all = chain.everywhere(linear[:, None], self.of_blocks[:, :1])[:, 0]
        active = len(chain.active)
        whole = chain.everywhere(factors[:active], factors[active:]) * np.float32(np.sqrt(scale))
        return Machine(bias * scale + chain.shift, of_all * np.float32(scale), whole)

    def _fitted(self, factors: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """The bias, the linear weights (m,) and these factors, moved so that the predictions for the rows come near to the mean of
        all machines'. Of one machine, or of machines without factors, nothing has to be moved.
        """
        if not factors.shape[1] or self._machines == 1:
            return self.bias, self.linear, factors
        chain, bias, active = self.sampler, self.bias, len(self.linear)
        weights = np.ascontiguousarray(np.column_stack([self.linear, factors[:active]]), np.float32)
        prior = np.zeros((*weights.shape, 3), np.float32)
        prior[..., 0], prior[..., 1] = HELD, weights
        product = np.ascontiguousarray(chain.x @ weights[:, 1:], np.float32)
        error = (Machine(bias, weights[:, 0], weights[:, 1:]).raw(chain.x) - self.total).astype(np.float32)
        for _ in range(FITS):
            moved = -float(chain.group.total(np.array([error.sum(dtype=np.float64)]))[0]) / chain.rows
            bias += moved
            error += np.float32(moved)
            chain.draw((error, product, weights), prior, 1.0)
        return bias, weights[:, 0].astype(np.float64), np.concatenate([weights[:, 1:], factors[active:]])

    def _narrowed(self, machines: int) -> np.ndarray:
        """The factors of all machines so far, reduced to as many as so many machines have: those of the active columns, and below
        them those of the blocks' other columns."""
        beside = self._factors[0] if len(self._factors) == 1 else np.hstack(self._factors)
        return narrowed(beside, self._squares_of_rows, machines * self.sampler.task.factors)

    def _squares(self) -> np.ndarray:
        """The sums of squares over all hosts' rows, (m,) of the active columns, and (blocks,) of the others together."""
        chain = self.sampler
        x, others = chain.x, np.zeros(len(chain.priors.mean))
        own = np.bincount(x.indices, np.square(x.data, dtype=np.float64), len(chain.active))
        return np.concatenate([np.maximum(chain.group.total(own), LEAST_SQUARES), others + LEAST_SQUARES])


def narrowed(factors: np.ndarray, squares: np.ndarray, width: int) -> np.ndarray:
    """The (d, width) factors whose products are nearest to those of `factors` (d, more), with each column of the data weighted by
    its sum of `squares`: the first principal directions.
    """
    if factors.shape[1] <= width:
        return factors
    root = np.sqrt(squares).astype(np.float32)[:, None]
    weighted = factors * root
    if len(weighted) < factors.shape[1]:
        strengths, found = np.linalg.eigh((weighted @ weighted.T).astype(np.float64))
        narrow = found[:, -width:] * np.sqrt(np.maximum(strengths[-width:], 0)) / root
        return np.asarray(np.pad(narrow, ((0, 0), (max(0, width - narrow.shape[1]), 0))), np.float32)
    _, directions = np.linalg.eigh((weighted.T @ weighted).astype(np.float64))
    return np.asarray(factors @ directions[:, -width:].astype(np.float32), np.float32)


def fit(sampler: Sampler, length: Length, report: Callable[[int, Sampler], None]) -> Machine:
    """The mean machine of the sweeps after the burn-in."""
    mean = MeanMachine(sampler, length.kept)
    sweeps = length.burn_in + length.kept
    for number in range(sweeps):
        sampler.sweep()
        if number >= length.burn_in:
            mean.add()
        if number % REFRESHED == REFRESHED - 1 or number == sweeps - 1:
            sampler.refresh()
            report(number, sampler)
    return mean.machine()
