"""Bayesian factorization machines by Gibbs sampling: there is nothing to tune, and the mean of many machines is better than any
single one.

Priors are those of libFM's MCMC: every block of features has its own mean and precision for its weights and for each factor.
Hyperpriors are Gamma(1/2, 1/2), with a smaller rate for small blocks, and Normal(0, 1), for labels of variance 1. A binary
classifier draws the latent normal variable of a probit model. Over several hosts, the columns of one variable are drawn at once,
from sums over all hosts' rows; the draws are the same at all hosts.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix
from scipy.special import ndtr, ndtri

from sagewright.algorithms.factorization_machines import kernel
from sagewright.algorithms.factorization_machines.blocks import blocks
from sagewright.algorithms.factorization_machines.model import Machine
from sagewright.algorithms.factorization_machines.task import Task
from sagewright.algorithms.factorization_machines.variable import Variable
from sagewright.algorithms.firstparty.hosts import Group

BEGUN = 0.03
"""Deviation of a row's pairwise terms under the initial factors: a chain takes long to forget a larger one."""
RATE_A_COLUMN = 0.001
"""Twice the rate of the precision's prior, for each column of a block, up to 1. With 1 for all, 20 uninformative columns would keep
weights of deviation 20 ** -0.5, and rows of several such variables would be noise. It is a rate for errors of variance 1; where
they are smaller, so is what counts as noise."""
LEAST_NOISE = 1e-6
"""Minimum variance of the errors, as a share of the labels', that rates are for."""
NO_FACTOR = 1e12, 0.0, 0.0
"""For a factor that must be 0: its precision, its mean, and the normal number to draw with."""
PROBIT = 1.702
"""The logistic function of PROBIT · x approximates the normal distribution function of x to within 0.01."""


class Priors:
    """Precision and mean, (blocks, k + 1) each, of the weights of each block of columns."""

    def __init__(self, block: np.ndarray, width: int) -> None:
        self.block = block
        self.sizes = np.bincount(block)[:, None]
        self.mean = np.zeros((len(self.sizes), width))
        self._rates = np.minimum(1.0, RATE_A_COLUMN * self.sizes)
        self._order = None if (block[1:] >= block[:-1]).all() else np.argsort(block, kind="stable")
        self._starts = np.append(0, np.cumsum(self.sizes))[:-1]

    def draw(self, weights: np.ndarray, random: np.random.Generator, noise: float) -> np.ndarray:
        """Draws the priors anew given the weights and the variance of the errors; returns (m, k + 1, 3) for the columns, as
        `kernel.sweep` expects."""
        wide = (weights if self._order is None else weights[self._order]).astype(np.float64)
        total = np.add.reduceat(wide, self._starts)
        squares = np.add.reduceat(np.square(wide, out=wide), self._starts)
        spread = squares - 2 * self.mean * total + self.sizes * self.mean**2
        rates = self._rates * min(max(noise, LEAST_NOISE), 1.0)
        precision = random.gamma((self.sizes + 2) / 2, 2 / (np.maximum(spread, 0) + self.mean**2 + rates))
        drawn = random.normal(size=self.mean.shape) / np.sqrt((self.sizes + 1) * precision)
        self.mean = total / (self.sizes + 1) + drawn
        out = np.empty((*weights.shape, 3), np.float32)
        out[..., 0], out[..., 1] = precision[self.block], self.mean[self.block]
        out[..., 2] = random.standard_normal(weights.shape, dtype=np.float32)
        return out


@dataclass(frozen=True)
class Reached:
    """The weights (m, k + 1) of a chain's `active` columns (m,), and its bias for unscaled labels."""

    active: np.ndarray
    weights: np.ndarray
    bias: float


class Sampler:
    """The state of the chain, for the columns that occur in some row. It shares the rows of a chain that it is `like`."""

    def __init__(self, task: Task, seed: int, group: Group | None = None, like: Sampler | None = None) -> None:
        self.task, self.group = task, group or Group()
        self.random = np.random.default_rng([seed, 1])  # the same at all hosts
        self._own = np.random.default_rng([seed, 6, self.group.rank])
        if like is None:
            self.active = np.flatnonzero(self.group.total(np.bincount(task.x.indices, minlength=task.x.shape[1])))
            self.x = _only(task.x, self.active)
            self.columns = _by_column(self.x)
        else:
            self.active, self.x, self.columns = like.active, like.x, like.columns
        self.rows, self.shift, self.scale = self._scale(task.y)
        self.y = (task.y - self.shift) / self.scale
        self.bias, self.alpha = 0.0, 1.0
        self.weights = np.zeros((len(self.active), task.factors + 1), np.float32)
        self.weights[:, 1:] = self.random.normal(0, self._begun(), (len(self.active), task.factors))
        self._flat = np.flatnonzero(np.zeros(0) if task.flat is None else task.flat[self.active])
        self.weights[self._flat, 1:] = 0
        self._blocks = blocks(task.starts, task.x.shape[1])
        self.priors = Priors(np.unique(self._blocks[self.active], return_inverse=True)[1], task.factors + 1)
        self.target = self._draw_target(self._machine().raw(self.x))
        self.refresh()
        self.variables = self._variables()

    def reached(self) -> Reached:
        """Where the chain is now."""
        return Reached(self.active, self.weights, self.bias * self.scale + self.shift)

    def go_on_from(self, other: Reached) -> None:
        """Continues from the weights of another chain over the same columns, of other rows."""
        common, own, its = np.intersect1d(self.active, other.active, assume_unique=True, return_indices=True)
        if not len(common):
            return
        self.weights[own] = other.weights[its]
        self.bias = (other.bias - self.shift) / self.scale
        self.refresh()

    def machine(self) -> Machine:
        """The chain's machine, for all columns and for unscaled labels."""
        scale = PROBIT if self.task.binary else self.scale
        whole = self.everywhere(self.weights, self.priors.mean)
        root = np.float32(np.sqrt(scale))
        return Machine(self.bias * scale + self.shift, whole[:, 0] * np.float32(scale), whole[:, 1:] * root)

    def _variables(self) -> list[Variable] | None:
        """The variables that are drawn at once; None if columns are drawn one by one."""
        if not self.task.at_once:
            return None
        assert self.task.starts is not None
        ends = [*np.searchsorted(self.active, self.task.starts), len(self.active)]
        return [Variable(self.columns, begin, end) for begin, end in itertools.pairwise(ends) if begin < end]

    def _scale(self, y: np.ndarray) -> tuple[int, float, float]:
        """The number of rows of all hosts, and the mean and the deviation of a regressor's labels."""
        wide = y.astype(np.float64)
        rows, total = self.group.total(np.array([len(wide), wide.sum()]))
        mean = total / rows
        spread = float(self.group.total(np.array([np.sum((wide - mean) ** 2)]))[0] / rows)
        return int(rows), *((0.0, 1.0) if self.task.binary else (float(mean), float(np.sqrt(spread)) or 1.0))

    def _begun(self) -> float:
        """The deviation of the initial factors."""
        entries = float(self.group.total(np.array([len(self.task.x.data)]))[0]) / self.rows
        return float(np.sqrt(BEGUN / np.sqrt(max(self.task.factors, 1) * max(entries * (entries - 1) / 2, 1))))

    def refresh(self) -> None:
        """Recomputes products and errors, which removes accumulated rounding errors."""
        self.product = np.ascontiguousarray(self.x @ self.weights[:, 1:], np.float32)
        self.error = (self._machine().raw(self.x) - self.target).astype(np.float32)

    def _machine(self) -> Machine:
        """The machine of the active columns, for labels of variance 1."""
        return Machine(self.bias, self.weights[:, 0], self.weights[:, 1:])

    def predicted(self) -> np.ndarray:
        """The machine's predictions for this host's rows, for labels of variance 1."""
        return np.asarray(self.error + self.target)

    def raw(self) -> np.ndarray:
        """The machine's predictions for them, for unscaled labels."""
        return self.predicted() * (PROBIT if self.task.binary else self.scale) + self.shift

    def sweep(self) -> None:
        """Draws every parameter once."""
        noise = 1.0
        if self.task.binary:
            predicted = self.predicted()
            self.target = self._draw_target(predicted)
            self.error = (predicted - self.target).astype(np.float32)
        else:
            squares = float(self.group.total(np.array([float(self.error @ self.error)]))[0])
            self.alpha = self.random.gamma((1 + self.rows) / 2, 2 / (1 + squares))
            noise = squares / self.rows
        self._draw_bias()
        prior = self.priors.draw(self.weights, self.random, noise)
        self.draw((self.error, self.product, self.weights), prior, self.alpha)

    def draw(self, state: kernel.State, prior: np.ndarray, alpha: float) -> None:
        """Draws all weights of a state once. `prior` (m, k + 1, 3): see `kernel`; columns that must have no factors get none."""
        prior[self._flat, 1:] = NO_FACTOR
        if self.variables is None:
            kernel.sweep(self.columns, state, prior, alpha)
        else:
            for each in self.variables:
                each.draw(state, prior, alpha, self.group)

    def _draw_bias(self) -> None:
        precision = self.alpha * self.rows + 1e-9
        total = float(self.group.total(np.array([self.error.sum(dtype=np.float64)]))[0])
        moved = -self.alpha * total / precision + self.random.normal() / np.sqrt(precision)
        self.bias += moved
        self.error += np.float32(moved)

    def _draw_target(self, predicted: np.ndarray) -> np.ndarray:
        """The target of the machine: the labels, or a latent variable on the label's side of 0, drawn around the prediction."""
        if not self.task.binary:
            return self.y
        drawn = predicted + self._own.standard_normal(len(predicted), dtype=np.float32)
        wrong = np.flatnonzero((drawn > 0) != (self.y > 0.5))  # these alone need the slow functions
        sign, around = 2 * self.y[wrong] - 1, predicted[wrong]
        share = self._own.random(len(wrong)) * ndtr(sign * around)
        drawn[wrong] = around - sign * ndtri(np.clip(share, 1e-300, 1 - 1e-16))
        return np.asarray(drawn)

    def everywhere(self, weights: np.ndarray, block_means: np.ndarray) -> np.ndarray:
        """The weights (m, w) of the active columns extended to all (d, w): other columns have the mean of their block."""
        width = self.task.x.shape[1]
        out = np.zeros((width, weights.shape[1]), np.float32)
        if len(self.active) < width:
            place = np.searchsorted(np.unique(self._blocks[self.active]), self._blocks)
            known = np.isin(self._blocks, self._blocks[self.active])
            out[known] = block_means[place[known]]
        out[self.active] = weights
        return out


def _only(x: Any, columns: np.ndarray) -> Any:
    if len(columns) == x.shape[1]:
        return x
    place = np.zeros(x.shape[1], x.indices.dtype)
    place[columns] = np.arange(len(columns))
    return csr_matrix((x.data, place[x.indices], x.indptr), shape=(x.shape[0], len(columns)))


def _by_column(x: Any) -> tuple[np.ndarray, ...]:
    """The rows by column, as `kernel.sweep` expects them."""
    turned = csc_matrix(x)
    turned.sort_indices()
    kinds = zip((turned.indptr, turned.indices, turned.data), (np.int64, np.int32, np.float32), strict=True)
    return tuple(np.ascontiguousarray(array, kind) for array, kind in kinds)
