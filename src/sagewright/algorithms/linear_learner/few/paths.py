"""Solves for one penalty after another, and gives every row the score of the model that has learnt from all others.

Squared loss: exactly. Logistic loss: by one Newton step away from the optimum of all rows. Source: D. Allen, "The relationship
between variable selection and data augmentation and a method for prediction", Technometrics 16, 1974; K. Rad and A. Maleki, "A
scalable estimate of the out-of-sample prediction error via approximate leave-one-out cross-validation", J. R. Statist. Soc. B 82,
2020.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from sagewright.algorithms.linear_learner.few.rotation import Rotated
from sagewright.algorithms.linear_learner.few.scores import STEEPEST, TINY, constant, cross_entropy

LEAST_LEFT = 1e-9
"""The smallest share by which a row's own label does not decide its score; less is rounding."""
MOST_STEPS, MOST_HALVINGS = 40, 12
NEAR = 1e-6
"""Newton's method ends where a step promises less than this of a row's loss."""
Hopeless = Callable[[float], bool]
"""Returns True for a mean loss of rows left out after which weaker penalties need not be tried."""


@dataclass(frozen=True)
class Solution:
    """A model of the coordinates: its `penalty` on half the squares for the sum of losses, `weights` (r,) and `bias`; `left_out`
    (n,) are the rows' scores by models without them. Of several classes (r, C), (C,) and (n, C).
    """

    penalty: float
    weights: np.ndarray
    bias: float | np.ndarray
    left_out: np.ndarray


def squared(rotated: Rotated, y: np.ndarray, penalties: np.ndarray, use_bias: bool) -> list[Solution]:
    """Returns the models with the smallest half squares for labels (n,); a row is left out with all its weight."""
    weights, total = rotated.weights, rotated.total
    level = float(weights @ y) / total if use_bias else 0.0
    shrunk = 1 / (rotated.squares[:, None] + penalties)
    found = (rotated.rows.T @ (weights * (y - level)))[:, None] * shrunk
    apart = y[:, None] - level - rotated.rows @ found
    own = weights[:, None] * (np.square(rotated.rows) @ shrunk + use_bias / total)
    left_out = y[:, None] - apart / np.maximum(1 - own, LEAST_LEFT)
    return [Solution(*each) for each in zip(penalties, found.T, [level] * len(penalties), left_out.T, strict=True)]


def logistic(
    rotated: Rotated, y: np.ndarray, out: np.ndarray, penalties: np.ndarray, use_bias: bool, hopeless: Hopeless
) -> Iterator[Solution]:
    """Yields the models with the lowest logistic loss for labels (n,) between 0 and 1, in descending order of penalty. Of a row's
    weight, the share `out` (n,) is left out.
    """
    rows = np.column_stack([rotated.rows, np.full(len(y), float(use_bias))])
    at = np.append(np.zeros(rows.shape[1] - 1), constant(rotated.weights, y) * use_bias)
    for penalty in np.sort(penalties)[::-1]:
        ridge = np.append(np.full(len(at) - 1, penalty), TINY if use_bias else 1.0)
        at, scores, slopes, curves, spread = _optimum(rows, y, rotated.weights, ridge, at)
        left_out = scores + out * slopes * spread / np.maximum(1 - out * curves * spread, LEAST_LEFT)
        yield Solution(float(penalty), at[:-1], float(at[-1]), left_out)
        if hopeless(float(np.average(cross_entropy(left_out, y), weights=rotated.weights))):
            return


def _optimum(
    rows: np.ndarray, y: np.ndarray, weights: np.ndarray, ridge: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Returns the weights at the optimum, starting `at` others; and for each row its score, the weighted slope and second
    derivative of its loss, and what a unit of slope moves its score by.
    """

    def penalised(point: np.ndarray) -> tuple[float, np.ndarray]:
        scores = rows @ point
        return float(weights @ cross_entropy(scores, y) + ridge @ (point * point) / 2), scores

    value, scores = penalised(at)
    for _ in range(MOST_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(scores, -STEEPEST, STEEPEST)))
        slopes, curves = weights * (chance - y), weights * chance * (1 - chance)
        factor = cho_factor(rows.T @ (rows * curves[:, None]) + np.diag(ridge + TINY), lower=True)
        slope = rows.T @ slopes + ridge * at
        step = cho_solve(factor, slope)
        if slope @ step / 2 < NEAR * len(y):
            break
        for _ in range(MOST_HALVINGS):
            lower, moved = penalised(at - step)
            if lower <= value:
                break
            step = step / 2
        else:
            break
        at, value, scores = at - step, lower, moved
    spread = np.square(solve_triangular(factor[0], rows.T, lower=True)).sum(axis=0)
    return at, scores, slopes, curves, spread
