"""Solves for one penalty after another, and gives every row the score of the model that has learnt from all others.

Squared loss: exactly. Logistic loss: by one Newton step away from the optimum of all rows. Source: D. Allen, "The relationship
between variable selection and data augmentation and a method for prediction", Technometrics 16, 1974; K. Rad and A. Maleki, "A
scalable estimate of the out-of-sample prediction error via approximate leave-one-out cross-validation", J. R. Statist. Soc. B 82,
2020.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from sagewright.algorithms.ridge.rotation import Rotated
from sagewright.algorithms.ridge.scores import STEEPEST, TINY, constant, cross_entropy

LEAST_LEFT = 1e-9
"""The smallest share by which a row's own label does not decide its score; less is rounding."""
MOST_STEPS, MOST_HALVINGS = 40, 12
NEAR = 1e-6
"""Newton's method ends where a step promises less than this of a row's loss."""
CLOSE, MANY = 1e-3, 20
"""Second derivatives from before a step that gained less than the share CLOSE of the loss are those of the optimum, too, if there
are MANY rows for each coordinate: with fewer, the scores of rows left out change much with them.
"""


@dataclass(frozen=True)
class Solution:
    """A model of the coordinates: its `penalty` on half the squares for the sum of losses, `weights` (r,) and `bias`; `left_out`
    (n,) are the rows' scores by models without them. Of several classes (r, C), (C,) and (n, C).
    """

    penalty: float
    weights: np.ndarray
    bias: float | np.ndarray
    left_out: np.ndarray


def squared(rotated: Rotated, y: np.ndarray, penalties: np.ndarray) -> list[Solution]:
    """Returns the models with the smallest half squares for labels (n,); a row is left out with all its weight."""
    weights, total, use_bias = rotated.weights, rotated.total, rotated.centred
    level = float(weights @ y) / total if use_bias else 0.0
    shrunk = 1 / (rotated.squares[:, None] + penalties)
    rows = rotated.rows
    found = (rows.T @ (weights * (y - level)).astype(rows.dtype))[:, None] * shrunk
    apart = y[:, None] - level - rows @ found.astype(rows.dtype)
    own = weights[:, None] * (np.square(rows) @ shrunk.astype(rows.dtype) + use_bias / total)
    left_out = y[:, None] - apart / np.maximum(1 - own, LEAST_LEFT)
    return [Solution(*each) for each in zip(penalties, found.T, [level] * len(penalties), left_out.T, strict=True)]


def logistic(
    rotated: Rotated, y: np.ndarray, out: np.ndarray, penalties: np.ndarray, begun: Solution | None = None
) -> Iterator[Solution]:
    """Yields the models with the lowest logistic loss for labels (n,) between 0 and 1, in the order of the `penalties`: each search
    starts from the optimum before it, the first one from the model `begun`. Of a row's weight, the share `out` (n,) is left out.
    """
    use_bias = rotated.centred
    rows = np.column_stack([rotated.rows, np.full(len(y), float(use_bias))])
    at = np.append(np.zeros(rows.shape[1] - 1), constant(rotated.weights, y) * use_bias)
    if begun is not None:
        at = np.append(begun.weights, begun.bias)
    for penalty in penalties:
        ridge = np.append(np.full(len(at) - 1, penalty), TINY if use_bias else 1.0)
        at, scores, slopes, curves, spread = _optimum(rows, y, rotated.weights, ridge, at)
        left_out = scores + out * slopes * spread / np.maximum(1 - out * curves * spread, LEAST_LEFT)
        yield Solution(float(penalty), at[:-1], float(at[-1]), left_out)


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
    factor: tuple[np.ndarray, bool] | None = None
    gained, close = np.inf, CLOSE * (len(y) >= MANY * len(at))
    for _ in range(MOST_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(scores, -STEEPEST, STEEPEST)))
        slopes, curves = weights * (chance - y), weights * chance * (1 - chance)
        slope = rows.T @ slopes + ridge * at
        if factor is not None and gained < close * value and slope @ cho_solve(factor, slope) / 2 < NEAR * len(y):
            break
        bent = rows * np.sqrt(curves)[:, None]
        second = bent.T @ bent
        np.einsum("ii->i", second)[:] += ridge + TINY
        factor = cho_factor(second, lower=True, check_finite=False)
        step = cho_solve(factor, slope)
        gained = slope @ step / 2
        if gained < NEAR * len(y):
            break
        for _ in range(MOST_HALVINGS):
            lower, moved = penalised(at - step)
            if lower <= value:
                break
            step = step / 2
        else:
            break
        at, value, scores = at - step, lower, moved
    assert factor is not None
    apart = solve_triangular(factor[0], rows.T, lower=True, check_finite=False)
    spread = np.einsum("ij,ij->j", apart, apart)
    return at, scores, slopes, curves, spread
