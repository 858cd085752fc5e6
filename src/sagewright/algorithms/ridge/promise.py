"""By how much the loss of classes would fall on the rows that were learnt from if the penalty were weaker."""

from __future__ import annotations

import numpy as np

from sagewright.algorithms.ridge import scores
from sagewright.algorithms.ridge.families import First, Rows

WEAKER = 1e-3
"""The weaker penalty, as a multiple."""
TINY = 1e-12


def of_weaker(rows: Rows, first: First) -> float:
    """Returns how much lower the sum of losses is after Newton's step from the `first` model to the optimum of a penalty that is
    WEAKER times as large, by the second derivatives of each class by itself.
    """
    x = np.column_stack([rows.x, np.ones(len(rows.x))]).astype(np.float64)
    weights = np.vstack([first.features, first.bias]).astype(np.float64)
    said, share = x @ weights, rows.weights / rows.weights.sum()
    classes = said.shape[1]
    if classes == 1:
        chances, others = 1 / (1 + np.exp(-np.clip(said, -scores.STEEPEST, scores.STEEPEST))), 1.0
    else:
        chances, others = np.exp(said - scores.log_sums(said)[:, None]), classes / (classes - 1)
    ridge = np.append(np.full(len(weights) - 1, first.wd), 0.0)
    gained = 0.0
    for each, chance in enumerate(chances.T):
        second = (x * (share * chance * (1 - chance) * others)[:, None]).T @ x
        slope = -ridge * weights[:, each]
        least = np.diag(WEAKER * ridge + TINY * max(float(np.trace(second)), TINY))
        step = np.linalg.solve(second + least, -(1 - WEAKER) * slope)
        gained -= float(slope @ step + step @ second @ step / 2)
    return gained * float(rows.weights.sum())
