"""Which model is the best, and from which score on a binary classifier says 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.logistic import probability

BINS = 4096
BY_LOSS = ("loss_function", "cross_entropy_loss")


def best_binary(
    scores: np.ndarray, labels: np.ndarray, losses: np.ndarray, penalty: np.ndarray, values: Mapping[str, Any]
) -> int:
    """The number of the model with the best value of binary_classifier_model_selection_criteria at its best threshold.

    Of those that are within one standard error of the best, which chance may have put there, the ones with the largest penalty, and
    of these the one with the least loss. `scores` (n, M) raw ones, `labels` (n,), `losses` and `penalty` (M,).
    """
    criterion = values["binary_classifier_model_selection_criteria"]
    if criterion in BY_LOSS:
        return int(losses.argmin())
    models = scores.shape[1]
    place = (probability(scores) * (BINS - 1)).astype(np.int32) + BINS * np.arange(models, dtype=np.int32)
    positive = labels == 1
    counts = [
        np.bincount(place[rows].ravel(), minlength=models * BINS).reshape(models, BINS)[:, ::-1].cumsum(axis=1)
        for rows in (positive, ~positive)
    ]
    reached = _criterion(counts[0], counts[1], values).max(axis=1)
    best = float(reached.max())
    count = len(labels) if criterion == "accuracy" else max(int(positive.sum()), 1)
    error = np.sqrt(max(best * (1 - best), 0) / count)
    good = np.flatnonzero(reached >= best - error)
    return int(good[np.lexsort((losses[good], -penalty[good]))[0]])


def threshold(scores: np.ndarray, labels: np.ndarray, values: Mapping[str, Any]) -> float:
    """From which raw score of one model on, (n,), the criterion is best: between two scores that occur. 0, the model's own,
    where no other is better.
    """
    criterion = values["binary_classifier_model_selection_criteria"]
    if criterion in BY_LOSS:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    ordered, positive = scores[order].astype(np.float64), (labels[order] == 1).cumsum()
    lasts = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    hits = np.append(0, positive[lasts])
    false = np.append(0, lasts + 1 - positive[lasts])
    reached = _criterion(hits, false, values)
    best, own = int(reached.argmax()), int(np.searchsorted(lasts, int((ordered >= 0).sum())))
    if reached[own] >= reached[best]:
        return 0.0
    if best == 0:
        return float(ordered[0] + 1)
    if best == len(lasts):
        return float(ordered[-1] - 1)
    return float((ordered[lasts[best - 1]] + ordered[lasts[best - 1] + 1]) / 2)


def _criterion(hits: np.ndarray, false: np.ndarray, values: Mapping[str, Any]) -> np.ndarray:
    """Of true and false positives at growing thresholds, the last ones those of everything said to be positive."""
    criterion = values["binary_classifier_model_selection_criteria"]
    positives, negatives = hits[..., -1:], false[..., -1:]
    if criterion == "accuracy":
        return (hits + negatives - false) / np.maximum(positives + negatives, 1)
    recall = hits / np.maximum(positives, 1)
    precision = hits / np.maximum(hits + false, 1)
    if criterion == "precision_at_target_recall":
        return np.where(recall >= values["target_recall"], precision, recall - 1)
    if criterion == "recall_at_target_precision":
        return np.where(precision >= values["target_precision"], recall, precision - 1)
    weight = values["f_beta"] ** 2 if criterion == "f_beta" else 1.0
    return (1 + weight) * precision * recall / np.maximum(weight * precision + recall, 1e-12)
