"""Predictions from the labels of the nearest rows, and their scores."""

from __future__ import annotations

import numpy as np

CELLS = 1 << 24


def majority(labels: np.ndarray) -> np.ndarray:
    """Returns (n,) the most frequent label of each row of (n, k); on a tie, the smallest."""
    classes = np.unique(labels)
    codes = np.searchsorted(classes, labels)  # np.unique's own inverse sorts all labels
    chosen = np.empty(len(labels), np.int64)
    step = max(1, CELLS // len(classes))
    for start in range(0, len(labels), step):
        part = codes[start : start + step]
        flat = (np.arange(len(part))[:, None] * len(classes) + part).ravel()
        counts = np.bincount(flat, minlength=len(part) * len(classes))
        chosen[start : start + step] = counts.reshape(len(part), -1).argmax(axis=1)
    winners: np.ndarray = classes[chosen]
    return winners


def mean(labels: np.ndarray) -> np.ndarray:
    """Returns (n,) the mean of each row's labels."""
    means: np.ndarray = labels.mean(axis=1, dtype=np.float64).astype(np.float32)
    return means


def scores(predictor: str, truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Returns a classifier's `accuracy` and `macro_f_1.000`, or a regressor's `mse`, `rmse` and `absolute_loss`."""
    if predictor == "classifier":
        return {"accuracy": float((truth == predicted).mean()), "macro_f_1.000": _macro_f1(truth, predicted)}
    errors = truth.astype(np.float64) - predicted
    mse = float(np.square(errors).mean())
    return {"mse": mse, "rmse": mse**0.5, "absolute_loss": float(np.abs(errors).mean())}


def _macro_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Returns the mean over the true classes of 2 x right / (true + predicted)."""
    found = []
    for each in np.unique(truth):
        right = float(((truth == each) & (predicted == each)).sum())
        found.append(2 * right / float((truth == each).sum() + (predicted == each).sum()))
    return sum(found) / len(found)
