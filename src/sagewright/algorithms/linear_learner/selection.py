"""Selects the best model, and the raw score from which on a binary classifier predicts 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.logistic import probability

BINS = 4096
BY_LOSS = ("loss_function", "cross_entropy_loss")


@dataclass(frozen=True)
class Judged:
    """Models to select from: raw `scores` (n, M) of rows with `labels` (n,), the `losses` (n, M) of these, each model's mean loss
    `criterion` on all rows, and its `penalty`, both (M,).
    """

    scores: np.ndarray
    labels: np.ndarray
    losses: np.ndarray
    criterion: np.ndarray
    penalty: np.ndarray

    def take(self, models: np.ndarray) -> Judged:
        return Judged(
            self.scores[:, models], self.labels, self.losses[:, models], self.criterion[models], self.penalty[models]
        )


def best_binary(judged: Judged, values: Mapping[str, Any]) -> int:
    """Returns the number of the model with the best value of binary_classifier_model_selection_criteria at its best threshold.

    Models within one standard error of the best are indistinguishable from it. Of those, the ones whose loss is within one standard
    error of the lowest remain; of these the ones with the largest penalty; and of these the one with the lowest loss wins.
    """
    if values["binary_classifier_model_selection_criteria"] in BY_LOSS or len(judged.criterion) == 1:
        return int(judged.criterion.argmin())
    good = np.flatnonzero(_within_chance(judged.scores, judged.labels, values))
    near = judged.take(good)
    least = int(near.criterion.argmin())
    worse = near.losses - near.losses[:, [least]]
    error = worse.std(axis=0) / np.sqrt(len(worse))
    good = good[worse.mean(axis=0) <= error]
    return int(good[np.lexsort((judged.criterion[good], -judged.penalty[good]))[0]])


def _within_chance(scores: np.ndarray, labels: np.ndarray, values: Mapping[str, Any]) -> np.ndarray:
    """Returns a mask (M,) of the models whose criterion is within one standard error of the best one's."""
    criterion = values["binary_classifier_model_selection_criteria"]
    models = scores.shape[1]
    place = (probability(scores) * (BINS - 1)).astype(np.int32) + BINS * np.arange(models, dtype=np.int32)
    positive = labels == 1
    counts = [
        np.bincount(place[rows].ravel(), minlength=models * BINS).reshape(models, BINS)[:, ::-1].cumsum(axis=1)
        for rows in (positive, ~positive)
    ]
    reached = _criterion(counts[0], counts[1], values).max(axis=1)
    best = float(reached.max())
    count: int = len(labels) if criterion == "accuracy" else max(int(positive.sum()), 1)
    error = np.sqrt(max(best * (1 - best), 0) / count)
    return np.asarray(reached >= best - error)


def threshold(scores: np.ndarray, labels: np.ndarray, values: Mapping[str, Any]) -> float:
    """Returns the raw score, of one model's (n,), from which on the criterion is best: between two scores that occur. Returns 0,
    the model's own threshold, if no other is better.
    """
    criterion = values["binary_classifier_model_selection_criteria"]
    if criterion in BY_LOSS:
        return 0.0
    order = np.argsort(-scores)
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
    """Returns the criterion for true and false positives at growing thresholds; the last ones are for predicting all positive."""
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
