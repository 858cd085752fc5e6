"""The constant model, which uses no feature: the start of the other models, and a bound that the chosen model must not be worse
than.
"""

from __future__ import annotations

import numpy as np

from sagewright.algorithms.linear_learner.learner import Examples
from sagewright.algorithms.linear_learner.losses import Loss

STEEPEST = 30.0
"""Bound on the score of a classifier that uses no feature."""


def score(loss: Loss, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the one score, (C,) float32, with the lowest weighted loss on labels (n,); a regressor's labels are normalised."""
    if loss.name == "squared_loss":
        return np.array([np.average(labels, weights=weights)], np.float32)
    if loss.classes > 1:
        shares = np.bincount(labels.astype(np.int64), weights, loss.classes)
        return np.log(np.maximum(shares / max(shares.sum(), 1e-30), np.exp(-STEEPEST))).astype(np.float32)
    if loss.name == "logistic":
        negative, positive = np.maximum(np.bincount(labels > 0, weights, 2), 1e-30)
        return np.array([np.clip(np.log(positive / negative), -STEEPEST, STEEPEST)], np.float32)
    bounds = (float(labels.min()), float(labels.max())) if loss.regresses else (-STEEPEST, STEEPEST)
    if bounds[0] >= bounds[1]:
        return np.array([bounds[0]], np.float32)
    y = labels.astype(np.float32)
    from scipy.optimize import minimize_scalar  # imported only where it is needed: see quasi_newton.lbfgs

    def mean(at: float) -> float:
        losses, _ = loss(np.full((len(y), 1), at, np.float32), y)
        return float(losses[:, 0] @ weights)

    return np.array([minimize_scalar(mean, bounds=bounds, method="bounded").x], np.float32)


def of_classes(loss: Loss, counts: np.ndarray, examples: Examples, models: int) -> np.ndarray:
    """Returns each model's constant score, (M, C), for classes with these `counts` of rows, (C,)."""
    labels = np.arange(len(counts), dtype=np.float32)
    weights = examples.weights(labels, np.arange(models))
    columns = np.ones((len(counts), 1)) if weights is None else weights
    found = {column.tobytes(): score(loss, labels, counts * column) for column in columns.T}
    return np.stack([found[columns[:, min(number, columns.shape[1] - 1)].tobytes()] for number in range(models)])
