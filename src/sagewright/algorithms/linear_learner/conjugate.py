"""Finds the optima of the squared loss on sparse or wide rows by conjugate gradients, for all models of a mix at once.

Source: M. Hestenes and E. Stiefel, "Methods of Conjugate Gradients for Solving Linear Systems", 1952. Each feature is divided by
the root of its second derivative (Jacobi's preconditioner).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.led import Led
from sagewright.algorithms.linear_learner.learner import Weights
from sagewright.algorithms.linear_learner.quasi_newton import STEEPEST
from sagewright.algorithms.linear_learner.scaling import Matrix

TINY = 1e-30
CHECKED = 4
"""Passes from one check of the slopes to the next."""
START, MOVE, CURVES = range(3)
"""The requests of the first host: residuals at a point, products with directions, second derivatives' diagonal."""


@dataclass(frozen=True)
class Problem:
    """The mean squared loss over all hosts' `rows`, of which this host has `x` and `y`; `penalties` (d + 1, M) on half the squares
    of each model's weights and of its bias.
    """

    x: Matrix
    y: np.ndarray
    rows: int
    use_bias: bool
    penalties: np.ndarray

    @cached_property
    def across(self) -> Matrix:
        return self.x.T

    def part(self, argument: np.ndarray) -> np.ndarray:
        """Returns this host's share, (d + 2, M): the slopes, of the bias below the features, and the mean losses. The first number
        of the last row of `argument` says what is asked for.
        """
        asked, at = int(argument[-1, 0]), argument[:-1].astype(np.float32)
        if asked == CURVES:
            squares = self.x.power(2) if hasattr(self.x, "power") else np.square(self.x)
            own = np.append(np.asarray(squares.sum(axis=0)).ravel(), [len(self.y) * self.use_bias, 0.0])
            return np.repeat(own[:, None], at.shape[1], axis=1) * (2 / self.rows)
        apart = np.asarray(self.x @ at[:-1]) + at[-1] * self.use_bias
        if asked == START:
            apart -= self.y[:, None]
        slopes = np.asarray(self.across @ apart, np.float64)
        of_bias = apart.sum(axis=0, dtype=np.float64) * self.use_bias
        losses = np.einsum("ij,ij->j", apart, apart, dtype=np.float64)
        return np.vstack([2 * slopes, 2 * of_bias, losses]) / self.rows


def minimise(problem: Problem, begun: Weights, passes: int, group: Group) -> tuple[Weights, np.ndarray]:
    """Returns all models' weights at their optima, or after `passes` passes over the rows, and their mean losses (M,); the same at
    all hosts. All models start from the weights `begun` of one.
    """
    led = Led(group, problem.part)
    if group.rank:
        led.follow()
        return group.from_first(None), group.from_first(None)
    at = np.append(begun.features[:, 0], begun.bias[0]).astype(np.float64)
    at = _optima(problem, led, np.repeat(at[:, None], problem.penalties.shape[1], axis=1), passes)
    losses = _asked(led, at, START)[-1]
    led.end()
    found = Weights(at[:-1].astype(np.float32), at[-1].astype(np.float32))
    return group.from_first(found), group.from_first(losses)


def _asked(led: Led, at: np.ndarray, what: int) -> np.ndarray:
    return led(np.vstack([at, np.full(at.shape[1], float(what))]))


def _optima(problem: Problem, led: Led, at: np.ndarray, passes: int) -> np.ndarray:
    penalties = problem.penalties
    curves = _asked(led, at, CURVES)[:-1] + penalties
    curves[curves <= TINY] = 1.0
    answer = _asked(led, at, START)
    steepest = STEEPEST * np.minimum(1.0, answer[-1])
    residual = -answer[:-1] - penalties * at
    step = residual / curves
    length = np.einsum("ij,ij->j", residual, step)
    for number in range(passes):
        if not number % CHECKED and (np.abs(residual).max(axis=0) <= steepest).all():
            break
        turned = _asked(led, step, MOVE)[:-1] + penalties * step
        far = length / np.maximum(np.einsum("ij,ij->j", step, turned), TINY)
        at += far * step
        residual -= far * turned
        eased = residual / curves
        before, length = length, np.einsum("ij,ij->j", residual, eased)
        step = eased + length / np.maximum(before, TINY) * step
    return at
