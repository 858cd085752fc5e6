"""Multinomial logistic regression by L-BFGS, for few rows."""

from __future__ import annotations

import numpy as np

PASSES, ENOUGH = 60, 1e-6
"""Limit on the steps for a penalty, and the share of the loss below which a step ends them."""


def descend(begun: np.ndarray, rows: np.ndarray, wanted: np.ndarray, penalty: float) -> np.ndarray:
    """The flat weights (classes, d) and biases with the lowest penalised mean loss of rows (n, d) whose labels are `wanted` (n,
    classes). The penalty is on half the sum of squared weights.
    """
    from scipy.optimize import minimize

    classes = wanted.shape[1]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat[:-classes].reshape(classes, -1)
        scores = rows @ weights.T.astype(np.float32) + flat[-classes:].astype(np.float32)
        scores -= scores.max(axis=1, keepdims=True)
        chances = np.exp(scores)
        sums = chances.sum(axis=1, keepdims=True)
        mean = float((np.log(sums)[:, 0] - (scores * wanted).sum(axis=1)).mean(dtype=np.float64))
        slopes = (chances / sums - wanted) / len(rows)
        steep = slopes.T @ rows + penalty * weights
        return mean + penalty / 2 * float(np.sum(weights * weights)), np.append(steep.ravel(), slopes.sum(axis=0))

    found = minimize(loss, begun, jac=True, method="L-BFGS-B", options={"maxiter": PASSES, "ftol": ENOUGH})
    return np.asarray(found.x)
