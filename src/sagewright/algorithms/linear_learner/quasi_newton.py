"""Finds the optimum of any convex loss by L-BFGS: for sparse or wide rows, losses with kinks, and an l1.

For an l1, each weight is written as the difference of two non-negative ones, which keeps exact zeros. A loss with kinks is solved
for with its kinks rounded off, less and less: each optimum is the start of the next search. Source: D. Liu and J. Nocedal, "On the
limited memory BFGS method for large scale optimization", Mathematical Programming 45, 1989; R. Byrd et al., "A Limited Memory
Algorithm for Bound Constrained Optimization", 1995; Y. Nesterov, "Smooth minimization of non-smooth functions", Mathematical
Programming 103, 2005; scipy's implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.led import Led
from sagewright.algorithms.linear_learner.learner import Weights
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.linear_learner.scaling import Matrix

STEEPEST = 1e-4
"""The largest slope accepted as an optimum, for a loss of 1; proportionally less for a smaller loss, such as a rare class's."""
LEAST, SPARSE, ROUGHLY = 1e-7, 1e-6, 1e-4
"""A search ends where a step gains less than this share of the loss; one for sparse features at the second, a rough one at the
last. The largest slope is the same for all, since the slope of a rare category is small from the start.
"""
MEMORY = 10
SOFT = (0.5, 0.1, 0.02)
"""Kinks are rounded off over these shares of the median distance from them."""
SOFTEST = 1e-4
Function = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True)
class Objective:
    """One model's mean loss over all hosts' `rows`, of which this host has `x` and `y`; `weights` (n, 1) of examples or None. `wd`
    and `bias_wd` are penalties on half the squares, `l1` on the absolute values of the weights but not of the bias.
    """

    x: Matrix
    y: np.ndarray
    weights: np.ndarray | None
    loss: Loss
    rows: int
    use_bias: bool
    wd: float
    bias_wd: float
    l1: float = 0.0
    rough: bool = False
    """True where only the penalty is chosen by the optimum."""

    @cached_property
    def across(self) -> Matrix:
        return self.x.T

    def part(self, argument: np.ndarray) -> np.ndarray:
        """Returns this host's share of the mean loss, and of its slope in every number of a flat model, without penalties. The last
        number of `argument` is the width over which kinks are rounded off.
        """
        weights = self.shaped(argument[:-1])
        losses, slopes = self.loss.within(float(argument[-1]))(weights.scores(self.x), self.y)
        if self.weights is not None:
            losses, slopes = losses * self.weights, slopes * self.weights
        gradient, of_bias = self.across @ slopes, slopes.sum(axis=0) * self.use_bias
        sums = np.concatenate([[losses.sum(dtype=np.float64)], gradient.ravel(), of_bias])
        return np.asarray(sums / self.rows)

    def penalty(self) -> np.ndarray:
        """Returns the penalty of every number of a flat model."""
        classes = self.loss.classes
        return np.repeat([self.wd, self.bias_wd], [self.x.shape[1] * classes, classes])

    def shaped(self, flat: np.ndarray) -> Weights:
        numbers = flat.astype(np.float32)
        size = self.loss.classes
        return Weights(numbers[:-size].reshape(-1, size), numbers[-size:])

    def distance(self, flat: np.ndarray) -> float:
        """Returns the median distance of this host's rows from the kink of the loss."""
        if not len(self.y):
            return 1.0
        scores = self.shaped(flat).scores(self.x)[:, 0]
        apart = scores - self.y if self.loss.regresses else 1 - (2 * self.y - 1) * scores
        return max(float(np.median(np.abs(apart))), SOFTEST)


def minimise(
    objective: Objective, begun: Weights, evaluations: int, group: Group, rotation: np.ndarray | None = None
) -> tuple[Weights, float]:
    """Returns the weights at the optimum, or after `evaluations` passes over the rows, and the mean loss there; the same at all
    hosts. Starts from the weights `begun`. With `rotation` (d, d), searches in the coordinates that it maps to weights; with one of
    (d + 1,), in those that are multiplied by it, the last of which is the bias.
    """
    led = Led(group, objective.part)
    if group.rank:
        led.follow()
        return objective.shaped(group.from_first(None)), float(group.from_first(None))
    at = np.concatenate([begun.features.ravel(), begun.bias]).astype(np.float64)
    soft = SOFT if objective.loss.softened is not None else (0.0,)
    for share in soft:
        width = share * objective.distance(at) if share else 0.0
        at = _search(_penalised(objective, led, width), objective, at, evaluations // len(soft), rotation)
    mean = led(np.append(at, 0.0))[0]
    led.end()
    best = group.from_first(at)
    return objective.shaped(best), float(group.from_first(mean))


def _penalised(objective: Objective, led: Led, width: float) -> Function:
    penalty = objective.penalty()

    def evaluate(flat: np.ndarray) -> tuple[float, np.ndarray]:
        answer = led(np.append(flat, width))
        return float(answer[0] + penalty @ (flat * flat) / 2), answer[1:] + penalty * flat

    return evaluate


def _search(
    evaluate: Function, objective: Objective, at: np.ndarray, evaluations: int, rotation: np.ndarray | None
) -> np.ndarray:
    steepest = STEEPEST * min(1.0, evaluate(at)[0])
    least = ROUGHLY if objective.rough else LEAST
    options = {"maxfun": evaluations, "maxiter": evaluations, "gtol": steepest, "ftol": least, "maxcor": MEMORY}
    if objective.l1:
        return sparse_optimum(evaluate, at, objective.l1, objective.loss.classes, options)
    if rotation is None:
        return lbfgs(evaluate, at, options)
    turn, size = rotation.astype(np.float64), objective.loss.classes
    if turn.ndim == 1:
        return _scaled(evaluate, at, np.repeat(turn, size), {**options, "ftol": max(least, SPARSE)})

    def moved(step: np.ndarray) -> np.ndarray:
        return at + np.concatenate([(turn @ step[:-size].reshape(-1, size)).ravel(), step[-size:]])

    def turned(step: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = evaluate(moved(step))
        return value, np.concatenate([(turn.T @ slope[:-size].reshape(-1, size)).ravel(), slope[-size:]])

    return moved(lbfgs(turned, np.zeros_like(at), options))


def _scaled(evaluate: Function, at: np.ndarray, widths: np.ndarray, options: Mapping[str, float]) -> np.ndarray:
    """Searches along coordinates that are multiplied by `widths`."""

    def scaled(step: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = evaluate(at + widths * step)
        return value, widths * slope

    return at + widths * lbfgs(scaled, np.zeros_like(at), options)


def sparse_optimum(
    evaluate: Function, at: np.ndarray, l1: float, free: int, options: dict[str, float | int]
) -> np.ndarray:
    """Returns the optimum of `evaluate` plus `l1` times the absolute values of all but the last `free` numbers."""
    size = len(at) - free

    def joined(halves: np.ndarray) -> np.ndarray:
        return np.concatenate([halves[:size] - halves[size : 2 * size], halves[2 * size :]])

    def split(halves: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = evaluate(joined(halves))
        both = np.concatenate([slope[:size] + l1, l1 - slope[:size], slope[size:]])
        return value + l1 * float(halves[: 2 * size].sum()), both

    begun = np.concatenate([np.maximum(at[:size], 0), np.maximum(-at[:size], 0), at[size:]])
    bounds = [(0.0, None)] * (2 * size) + [(None, None)] * free
    return joined(lbfgs(split, begun, options, bounds))


def lbfgs(evaluate: Function, at: np.ndarray, options: Mapping[str, float], bounds: Any = None) -> np.ndarray:
    """Returns the numbers at which L-BFGS ends that starts `at`; `evaluate` gives a value and its slope."""
    from scipy.optimize import minimize  # a quarter of what a small job imports, and most need no search

    return np.asarray(minimize(evaluate, at, jac=True, method="L-BFGS-B", bounds=bounds, options=dict(options)).x)
