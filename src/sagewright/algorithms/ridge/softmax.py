"""Softmax regression for one penalty after another, with every row's scores by the model that has not learnt from it.

The score of a row left out is that of one Newton step away from the optimum of all rows. `solve` takes second derivatives of each
class by itself: a class's p (1 - p), times C / (C - 1) for the other classes that give way. For two classes this is exact; for more
it makes weak penalties look better than they are, so `closer` takes those of all classes together, which cost the cube of the
number of weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_factor, cholesky, lapack, solve_triangular

from sagewright.algorithms.ridge import scores
from sagewright.algorithms.ridge.paths import LEAST_LEFT, Solution
from sagewright.algorithms.ridge.rotation import Rotated

MOST_STEPS = 200
NEAR = 1e-5
"""A search ends where a step gains less than this share of the loss."""
TINY, LEAST = 1e-12, 1e-10
CELLS = 1 << 20
"""Numbers of second derivatives of rows' losses that are held at once."""
SMALL = 48
"""Features up to which inverting all classes' second derivatives at once takes less time than factoring each."""


@dataclass(frozen=True)
class Problem:
    """Rows as columns, (r + 1, n), the last of whose coordinates is the bias's; the shares (C, n) of the classes in each row, and
    its weight (n,).
    """

    rows: np.ndarray
    y: np.ndarray
    weights: np.ndarray

    def chances(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the scores (C, n) by weights (C, r + 1), the chances of the classes, and the rows' losses (n,)."""
        said = at @ self.rows
        below = said - said.max(axis=0)
        found = np.exp(below)
        sums = found.sum(axis=0)
        found /= sums
        return said, found, np.log(sums) - np.einsum("ij,ij->j", self.y, below)

    def curves(self, chances: np.ndarray) -> np.ndarray:
        """Returns the second derivatives (C, n) of the rows' weighted losses."""
        classes = len(chances)
        return np.asarray(self.weights * chances * (1 - chances) * (classes / (classes - 1)))


def solve(
    rotated: Rotated, y: np.ndarray, out: np.ndarray, penalties: np.ndarray, begun: Solution | None = None
) -> Iterator[Solution]:
    """Yields the models with the lowest loss for the shares (n, C) of the classes in each row, in the order of the `penalties`.

    Each search starts from the optimum before it, the first one from the model `begun`. Of a row's weight, the share `out` (n,) is
    left out.
    """
    use_bias = rotated.centred
    rows = np.vstack([rotated.rows.T, np.full(len(y), float(use_bias))])
    problem = Problem(rows, np.ascontiguousarray(y.T), rotated.weights)
    rounded = Problem(*(each.astype(np.float32) for each in (problem.rows, problem.y, problem.weights)))
    at = np.zeros((y.shape[1], len(rows)))
    at[:, -1] = scores.constant(rotated.weights, y) * use_bias
    if begun is not None:
        at = np.column_stack([begun.weights.T, begun.bias])
    squares = np.append(rotated.squares, rotated.total)
    for penalty in penalties:
        ridge = np.append(np.full(len(rows) - 1, penalty), TINY if use_bias else 1.0)
        at = _optimum(rounded, ridge, squares, at)
        said, chances, _ = problem.chances(at)
        curves = problem.curves(chances)
        spread = _spread(rows, curves, ridge)
        moved = out * rotated.weights * (chances - problem.y) * spread
        left_out = (said + moved / np.maximum(1 - out * curves * spread, LEAST_LEFT)).T
        yield Solution(float(penalty), at[:, :-1].T, at[:, -1], left_out)


def closer(rotated: Rotated, y: np.ndarray, out: np.ndarray, solution: Solution) -> Solution:
    """Returns the same model with the scores of rows left out by the second derivatives of all classes together."""
    use_bias, weights = rotated.centred, rotated.weights
    rows = np.column_stack([rotated.rows, np.full(len(y), float(use_bias))]).astype(np.float64)
    said = rows @ np.vstack([solution.weights, solution.bias])
    chances = np.exp(said - scores.log_sums(said)[:, None])
    slopes = (out * weights)[:, None] * (chances - y)
    second = _together(rows, chances, weights)
    ridge = np.append(np.full(rows.shape[1] - 1, solution.penalty), TINY if use_bias else 1.0)
    curves = np.diag(second)
    second[np.diag_indices_from(second)] += np.tile(ridge, y.shape[1]) + LEAST * max(float(curves.max()), TINY)
    inverse = _inverse(second).reshape(y.shape[1], rows.shape[1], -1)
    step = max(1, CELLS // y.shape[1] ** 2)
    for some in (slice(start, start + step) for start in range(0, len(y), step)):
        spread = np.stack([_along(rows[some], rows[some] @ each) for each in inverse], axis=1)
        own = (np.eye(y.shape[1]) - chances[some, None]) * (chances * (out * weights)[:, None])[some, :, None]
        left = np.eye(y.shape[1]) - spread @ own
        said[some] += np.linalg.solve(left, spread @ slopes[some, :, None])[:, :, 0]
    return replace(solution, left_out=said)


def _along(rows: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """Returns the products (n, C) of rows (n, r) with the C parts of wide ones (n, C r)."""
    return np.asarray(np.einsum("icj,ij->ic", wide.reshape(len(rows), -1, rows.shape[1]), rows))


def _inverse(second: np.ndarray) -> np.ndarray:
    factor = cholesky(second, lower=True, overwrite_a=True, check_finite=False)
    found, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    return np.asarray(np.tril(found) + np.tril(found, -1).T)


def _together(rows: np.ndarray, chances: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the second derivatives (C (r + 1), C (r + 1)) of the loss of rows (n, r + 1), class by class."""
    size = rows.shape[1]
    wide = ((np.sqrt(weights)[:, None] * chances)[:, :, None] * rows[:, None]).reshape(len(rows), -1)
    found = -(wide.T @ wide)
    for each, chance in enumerate(chances.T):
        own = slice(each * size, (each + 1) * size)
        bent = rows * np.sqrt(weights * chance)[:, None]
        found[own, own] += bent.T @ bent
    return np.asarray(found)


def _spread(rows: np.ndarray, curves: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Returns what a unit of slope moves the score of each row by, for each class (C, n)."""
    bent = (rows * np.sqrt(each) for each in curves)
    second = np.stack([each @ each.T for each in bent])
    each, diagonal = np.arange(len(curves))[:, None], np.arange(len(rows))
    least = LEAST * np.maximum(second[each, diagonal, diagonal].max(axis=1), TINY)  # a bias has no penalty
    second[each, diagonal, diagonal] += ridge + least[:, None]
    if len(rows) <= SMALL:
        inverse = np.linalg.inv(second)
        return np.stack([np.einsum("ij,ij->j", rows, own @ rows) for own in inverse])
    factors = (cho_factor(own, lower=True)[0] for own in second)
    return np.stack([np.square(solve_triangular(own, rows, lower=True)).sum(axis=0) for own in factors])


def _optimum(problem: Problem, ridge: np.ndarray, squares: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Returns the weights (C, r + 1) at the optimum, starting `at` others. L-BFGS moves along coordinates that are scaled by the
    mean second derivatives.
    """
    from scipy.optimize import minimize

    rows, y, weights = problem.rows, problem.y, problem.weights
    mean = problem.curves(problem.chances(at.astype(rows.dtype))[1]).mean(axis=1) / weights.mean()
    widths = 1 / np.sqrt(mean[:, None] * squares + ridge + TINY)

    def penalised(flat: np.ndarray) -> tuple[float, np.ndarray]:
        point = flat.reshape(at.shape) * widths
        _, chances, losses = problem.chances(point.astype(rows.dtype))
        shrunk = point * ridge
        loss = np.dot(weights, losses.astype(np.float64)) + np.einsum("ij,ij->", shrunk, point) / 2
        slopes = (chances - y) * weights
        return float(loss), ((slopes @ rows.T + shrunk) * widths).ravel()

    options = {"maxfun": MOST_STEPS, "maxiter": MOST_STEPS, "ftol": NEAR, "gtol": 1e-9}
    found = minimize(penalised, (at / widths).ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x).reshape(at.shape) * widths
