"""The loss of a model at rows that are left out one at a time, from the second derivatives that it was solved for with: no further
model is needed to compare it with a constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from sagewright.algorithms.firstparty import baseline
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.rows.source import Batch
from sagewright.algorithms.linear_learner.learner import Examples, Weights
from sagewright.algorithms.linear_learner.losses import Loss
from sagewright.algorithms.ridge.scores import limits

ROWS = 2000
"""Rows of a regressor that are left out, one at a time. Of a classifier they are those of the solver's sample."""
LEAST_LEFT = 1e-6


@dataclass(frozen=True)
class Curved:
    """A model at its optimum: its `weights`, and the upper Cholesky factor `corner` (d + 1, d + 1) of the second derivatives of
    its mean loss and penalty on all hosts' `rows`. `constant` (1,) is the score that it would have without features.
    """

    weights: Weights
    corner: np.ndarray
    rows: int
    constant: np.ndarray


@dataclass(frozen=True)
class Left:
    """Rows to leave out, as a batch, and the `shares` of each class's rows that they are; (1, 1) where they are drawn evenly."""

    batch: Batch
    shares: tuple[float, float]


def ratio(curved: Curved, loss: Loss, left: Left, examples: Examples, group: Group) -> float:
    """Returns the mean loss of the model at rows left out, as a multiple of that of the constant."""
    x, y = left.batch
    wide = np.column_stack([x, np.ones(len(y), np.float32)])
    with np.errstate(over="ignore", invalid="ignore"):
        apart = solve_triangular(curved.corner.astype(np.float32), wide.T, trans="T", check_finite=False)
        spread = np.einsum("ij,ij->j", apart, apart, dtype=np.float64) / curved.rows
    own = examples.weights(y, np.zeros(1, np.int64))
    heavy = np.ones(len(y)) if own is None else own[:, 0].astype(np.float64)
    scores = curved.weights.scores(x)
    slopes = loss(scores, y)[1][:, 0].astype(np.float64)
    curves = np.full(len(y), 2.0) if loss.regresses else np.abs(slopes) * (1 - np.abs(slopes))
    moved = heavy * slopes * spread / np.maximum(1 - heavy * curves * spread, LEAST_LEFT)
    counted = heavy if loss.regresses else heavy / np.asarray(left.shares)[y.astype(np.int64)]
    model, nothing = (
        loss(each.astype(np.float32), y)[0].astype(np.float64)
        for each in (scores + moved[:, None], np.repeat(curved.constant[None], len(y), axis=0))
    )
    model = np.minimum(model, limits(nothing[:, 0], loss.regresses)[:, None])
    summed = group.total(np.array([float(counted @ model[:, 0]), float(counted @ nothing[:, 0])]))
    return baseline.ratio(float(summed[0]), float(summed[1]))
