"""Bayesian factorization machines by Gibbs sampling: nothing to tune, and the mean of many machines is better than any one.

Priors are those of libFM's MCMC: every block of features has its own mean and precision for its weights and for each factor; all
hyperpriors are Gamma(1/2, 1/2) and Normal(0, 1). A binary classifier draws the latent normal variable of a probit model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from scipy.sparse import csc_matrix
from scipy.special import ndtr, ndtri

from sagewright.algorithms.factorization_machines.blocks import blocks
from sagewright.algorithms.factorization_machines.model import Machine

BURN_IN = 20
INIT_SIGMA = 0.1
MOST_FACTORS, MOST_CELLS = 1000, 1 << 26
"""Of the mean machine: factors, and numbers of all of them."""
PROBIT = 1.702
"""The logistic function of this times x is the normal distribution of x, but for 0.01."""


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _sweep(
    columns: tuple[np.ndarray, np.ndarray, np.ndarray],
    state: np.ndarray,
    weights: np.ndarray,
    prior: np.ndarray,
    alpha: float,
    paired: bool,
) -> None:
    """Draw one weight of each feature after the other, given all others.

    `columns` are indptr, indices and data of the features by column. `state` (n, 2): the error of each row, and the row's
    product with `weights` where they are one factor's (`paired`). `prior` (d, 3): precision, mean, and the normal number to
    draw with.
    """
    indptr, indices, data = columns
    for column in range(len(weights)):
        begin, end, old = indptr[column], indptr[column + 1], weights[column]
        curvature, slope = 0.0, 0.0
        for place in range(begin, end):
            row, x = indices[place], data[place]
            h = x * (state[row, 1] - x * old) if paired else x
            curvature += h * h
            slope += h * (state[row, 0] - h * old)
        precision = alpha * curvature + prior[column, 0]
        new = (prior[column, 0] * prior[column, 1] - alpha * slope) / precision + prior[column, 2] / np.sqrt(precision)
        weights[column] = new
        for place in range(begin, end):
            row, x = indices[place], data[place]
            h = x * (state[row, 1] - x * old) if paired else x
            state[row, 0] += h * (new - old)
            state[row, 1] += x * (new - old) if paired else 0.0


class Priors:
    """Precision and mean of each block's weights, (blocks,) each."""

    def __init__(self, block: np.ndarray) -> None:
        self.block = block
        self.sizes = np.bincount(block)
        self.mean = np.zeros(len(self.sizes))

    def draw(self, weights: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Draw anew given the weights; (d, 3) of the features, as `_sweep` takes them."""
        count = len(self.sizes)
        spread = np.bincount(self.block, (weights - self.mean[self.block]) ** 2, count)
        precision = random.gamma((self.sizes + 2) / 2, 2 / (spread + self.mean**2 + 1))
        middle = np.bincount(self.block, weights, count) / (self.sizes + 1)
        self.mean = middle + random.normal(size=count) / np.sqrt((self.sizes + 1) * precision)
        return np.column_stack([precision[self.block], self.mean[self.block], random.normal(size=len(weights))])


class Sampler:
    """The state of the chain. `x` is a csr_matrix (n, d) with sorted indices, `y` (n,)."""

    def __init__(self, x: Any, y: np.ndarray, factors: int, *, binary: bool, seed: int) -> None:
        self.random = np.random.default_rng([seed, 1])
        self.x, self.y, self.binary = x, y.astype(np.float64), binary
        self.columns = csc_matrix(x)
        self.columns.sort_indices()
        width = x.shape[1]
        self.bias = 0.0 if binary else float(self.y.mean())
        self.linear = np.zeros(width)
        self.factors = self.random.normal(0, INIT_SIGMA, (factors, width))
        block = blocks(x)
        self.priors = [Priors(block) for _ in range(factors + 1)]
        self.alpha = 1.0
        self.state = np.zeros((x.shape[0], 2))
        self.state[:, 0] = self.machine().raw(x) - self._target(self.machine().raw(x))

    def machine(self) -> Machine:
        return Machine(self.bias, self.linear.astype(np.float32), self.factors.T.astype(np.float32))

    def sweep(self) -> None:
        """Draw every parameter once."""
        error, random = self.state[:, 0], self.random
        if self.binary:
            predicted = self._predicted()
            error[:] = predicted - self._target(predicted)
        else:
            self.alpha = random.gamma((1 + len(error)) / 2, 2 / (1 + float(error @ error)))
        moved = self._draw_bias(error)
        error += moved
        self._sweep(self.linear, self.priors[0], paired=False)
        for factor, prior in zip(self.factors, self.priors[1:], strict=True):
            self.state[:, 1] = self.x @ factor
            self._sweep(factor, prior, paired=True)

    def _draw_bias(self, error: np.ndarray) -> float:
        precision = self.alpha * len(error) + 1e-9
        new = -self.alpha * float((error - self.bias).sum()) / precision + self.random.normal() / np.sqrt(precision)
        moved, self.bias = new - self.bias, new
        return float(moved)

    def _sweep(self, weights: np.ndarray, prior: Priors, *, paired: bool) -> None:
        by_column = self.columns
        columns = by_column.indptr, by_column.indices, by_column.data
        _sweep(columns, self.state, weights, prior.draw(weights, self.random), self.alpha, paired)

    def _predicted(self) -> np.ndarray:
        return self.machine().raw(self.x)

    def _target(self, predicted: np.ndarray) -> np.ndarray:
        """What the machine is to predict: the labels, or a latent variable on their side of 0 drawn around the prediction."""
        if not self.binary:
            return self.y
        sign = 2 * self.y - 1
        share = self.random.random(len(predicted)) * ndtr(sign * predicted)
        return predicted - sign * ndtri(np.clip(share, 1e-300, 1 - 1e-16))


def fit(sampler: Sampler, sweeps: int, report: Callable[[int, Sampler], None]) -> Machine:
    """The mean machine of `sweeps` sweeps after the burn-in: its factors are those of machines of the chain, side by side."""
    width = sampler.factors.shape[1]
    most = max(1, min(MOST_FACTORS, MOST_CELLS // width) // len(sampler.factors))
    step = -(-sweeps // most)
    bias, linear, kept, variance = 0.0, np.zeros(width), [], 0.0
    total = square = np.zeros(sampler.x.shape[0])
    for number in range(BURN_IN + sweeps):
        sampler.sweep()
        done = number + 1 - BURN_IN
        if done > 0:
            bias, linear = bias + sampler.bias / sweeps, linear + sampler.linear / sweeps
            if sampler.binary:
                predicted = sampler._predicted()
                total, square = total + predicted / sweeps, square + predicted**2 / sweeps
            if done % step == 0 or done == sweeps:
                kept.append(sampler.factors.T.astype(np.float32))
        report(number, sampler)
    if sampler.binary:
        variance = float(np.mean(square - total**2))
    scale = PROBIT / np.sqrt(1 + variance) if sampler.binary else 1.0
    factors = np.hstack(kept) * np.float32(np.sqrt(scale / len(kept)))
    return Machine(bias * scale, (linear * scale).astype(np.float32), factors)
