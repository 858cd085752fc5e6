"""Losses of scores, and the scores of models without features. Labels are (n,) of a regressor or of two classes, whose scores are
(n,), or the shares of the classes, (n, C), with as many scores.
"""

from __future__ import annotations

import numpy as np

TINY = 1e-12
STEEPEST = 30.0
FARTHEST, TIMES = 4.0, 10.0
"""The most that a row counts with a model: of classes, twice its loss with the constant and FARTHEST; of numbers, TIMES the
constant's mean loss more than with the constant.
"""
SEEN = 0.5
"""Rows that a constant adds to each class: the last row of a class would otherwise be impossible."""


def cross_entropy(scores: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns the losses (n,) of classes. For two classes, `scores` and `y` may have more dimensions, as the losses then do."""
    if y.ndim == 2 and y.shape[1] > 1:
        return np.asarray(log_sums(scores) - np.einsum("ij,ij->i", y, scores))
    return np.asarray(np.logaddexp(0, scores) - y * scores)


def log_sums(scores: np.ndarray) -> np.ndarray:
    """Returns the logarithms (n,) of the sums of the exponentials of scores (n, C)."""
    most = scores.max(axis=1)
    return np.asarray(most + np.log(np.exp(scores - most[:, None]).sum(axis=1)))


def losses(scores: np.ndarray, y: np.ndarray, squared: bool) -> np.ndarray:
    """Returns the losses (n,) of a model's scores."""
    return np.asarray(np.square(scores - y)) if squared else cross_entropy(scores, y)


def mean_loss(
    scores: np.ndarray, y: np.ndarray, weights: np.ndarray, squared: bool, limit: np.ndarray | float = np.inf
) -> float:
    """Returns the mean loss of a model's scores at rows with these `weights` (n,); none counts more than its `limit` (n,)."""
    return float(weights @ np.minimum(losses(scores, y, squared), limit) / weights.sum())


def limits(nothing: np.ndarray, numbers: bool) -> np.ndarray:
    """Returns the most (n,) that each held-out row may count, given its loss (n,) with a constant: a few rows far from the others
    would otherwise decide that no model is any good.
    """
    return np.asarray(
        nothing + TIMES * nothing.mean(dtype=np.float64) if numbers and len(nothing) else 2 * nothing + FARTHEST
    )


def constant(weights: np.ndarray, y: np.ndarray, squared: bool = False) -> np.ndarray:
    """Returns the score with the lowest loss, the same for all rows; the scores (C,) of several classes."""
    share = np.average(y, axis=0, weights=weights)
    return np.asarray(share if squared else _chances(share, y.ndim == 2))


def constant_left_out(weights: np.ndarray, y: np.ndarray, out: np.ndarray, squared: bool, use_bias: bool) -> np.ndarray:
    """Returns the scores of rows, in the shape of `y`, by a constant that has not seen them; of classes with SEEN rows of each
    more.
    """
    if not use_bias:
        return np.zeros(y.shape)
    left = weights * out
    others, total = weights @ y - (left * y.T).T, weights.sum() - left
    if squared:
        return np.asarray(others / np.maximum(total, TINY))
    if y.ndim == 2:
        return _chances((others + SEEN) / (total + SEEN * y.shape[1])[:, None], several=True)
    return _chances((others + SEEN) / (total + 2 * SEEN), several=False)


def _chances(share: np.ndarray, several: bool) -> np.ndarray:
    """Returns the scores of these shares of the classes, or of class 1."""
    if several:
        return np.asarray(np.log(np.maximum(share, np.exp(-STEEPEST))))
    odds = np.maximum(share, TINY) / np.maximum(1 - share, TINY)
    return np.asarray(np.clip(np.log(odds), -STEEPEST, STEEPEST))
