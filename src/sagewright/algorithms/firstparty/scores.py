"""The quality of predictions, under the names of the log."""

from __future__ import annotations

import numpy as np


def regression(predicted: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Regression metrics of arrays (n,)."""
    error = predicted.astype(np.float64) - labels
    square = float(np.mean(error * error))
    return {"mse": square, "absolute_loss": float(np.mean(np.abs(error))), "rmse": float(np.sqrt(square))}


def binary(scores: np.ndarray, predicted: np.ndarray, labels: np.ndarray, beta: float) -> dict[str, float]:
    """Metrics of a binary classifier from arrays (n,); of `scores` only the order matters."""
    hits = float(np.sum((predicted == 1) & (labels == 1)))
    precision, recall = _share(hits, np.sum(predicted == 1)), _share(hits, np.sum(labels == 1))
    return {
        "binary_classification_accuracy": float(np.mean(predicted == labels)),
        "precision": precision,
        "recall": recall,
        f"binary_f_{beta:.3f}": f_beta(precision, recall, beta),
        "roc_auc_score": area(scores, labels),
    }


def multiclass(scores: np.ndarray, labels: np.ndarray, top: int, beta: float) -> dict[str, float]:
    """Metrics of a multiclass classifier from `scores` (n, C) and `labels` (n,)."""
    true = labels.astype(np.int64)
    predicted = scores.argmax(axis=1)
    own = scores[np.arange(len(true)), true]
    place = 1 + np.sum(scores > own[:, None], axis=1)
    classes = scores.shape[1]
    hits = np.bincount(true[predicted == true], minlength=classes).astype(np.float64)
    said, there = np.bincount(predicted, minlength=classes), np.bincount(true, minlength=classes)
    precision, recall = hits / np.maximum(said, 1), hits / np.maximum(there, 1)
    each = [f_beta(p, r, beta) for p, r in zip(precision, recall, strict=True)]
    return {
        "multiclass_accuracy": float(np.mean(predicted == true)),
        f"multiclass_top_k_accuracy_{top}": float(np.mean(place <= top)),
        "dcg": float(np.mean(1 / np.log2(place + 1))),
        "macro_recall": float(recall.mean()),
        "macro_precision": float(precision.mean()),
        f"macro_f_{beta:.3f}": float(np.mean(each)),
    }


def f_beta(precision: float, recall: float, beta: float) -> float:
    return _share((1 + beta**2) * precision * recall, beta**2 * precision + recall)


def area(scores: np.ndarray, labels: np.ndarray) -> float:
    """The area under the ROC curve, with equal scores counting half; NaN if there is only one class."""
    positive = labels == 1
    count, other = int(positive.sum()), int((~positive).sum())
    if not count or not other:
        return float("nan")
    order = np.argsort(scores, kind="stable")
    _, starts, sizes = np.unique(scores[order], return_index=True, return_counts=True)
    ranks = np.empty(len(scores))
    ranks[order] = np.repeat(starts + (sizes + 1) / 2, sizes)
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * other))


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
