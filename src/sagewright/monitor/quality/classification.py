"""Metrics of classification, binary and multiclass.

Source: the developer guide, "Model quality metrics and Amazon CloudWatch monitoring".
"""

from __future__ import annotations

import numpy as np

from sagewright.monitor.errors import MonitorError
from sagewright.monitor.quality.bootstrap import Numbers, Weights
from sagewright.monitor.quality.observations import JudgedPrediction

MAX_CLASSES = 200
BINS = 2000
"""Bins of scores from 0 to 1: the area under a curve is exact to one of them."""
CURVE_POINTS = 100
BETAS = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}


class MulticlassMetrics:
    """Confusion matrices, of all data and of each replicate."""

    problem = "multiclass_classification"

    def __init__(self) -> None:
        self._weights = Weights()
        self._classes: dict[str, int] = {}
        self._cells: dict[tuple[int, int], Numbers] = {}

    def add(self, batch: list[JudgedPrediction]) -> None:
        weights = self._weights.of(len(batch))
        pairs = np.array([(self._class(one.truth), self._class(one.prediction)) for one in batch])
        for pair in np.unique(pairs, axis=0):
            counted = weights[:, (pairs == pair).all(axis=1)].sum(axis=1)
            key = (int(pair[0]), int(pair[1]))
            self._cells[key] = self._cells.get(key, 0.0) + counted

    def values(self) -> dict[str, Numbers]:
        """Returns each metric of the data and of its replicates."""
        matrix = self._matrix()
        best = np.zeros_like(matrix)
        commonest = int(matrix[:, :, 0].sum(axis=1).argmax())
        best[:, commonest] = matrix.sum(axis=1)
        found = _weighted(matrix)
        return found | {f"{name}_best_constant_classifier": value for name, value in _weighted(best).items()}

    def details(self) -> dict[str, object]:
        matrix = self._matrix()[:, :, 0]
        return {
            "confusion_matrix": {
                name: {other: float(matrix[at, column]) for other, column in self._classes.items()}
                for name, at in self._classes.items()
            }
        }

    def _class(self, name: str) -> int:
        if name not in self._classes:
            if len(self._classes) == MAX_CLASSES:
                raise MonitorError(f"There are more than {MAX_CLASSES} classes; the last one is {name[:40]!r}.")
            self._classes[name] = len(self._classes)
        return self._classes[name]

    def _matrix(self) -> Numbers:
        """Returns counts by true class, predicted class and replicate."""
        replicates = len(next(iter(self._cells.values())))
        matrix = np.zeros((len(self._classes), len(self._classes), replicates))
        for (truth, prediction), counts in self._cells.items():
            matrix[truth, prediction] = counts
        return matrix


class BinaryMetrics:
    """Counts of a positive class, 1 or true, and histograms of scores."""

    problem = "binary_classification"

    def __init__(self) -> None:
        self._weights = Weights()
        self._counts: Numbers | None = None
        self._scores: Numbers | None = None

    def add(self, batch: list[JudgedPrediction]) -> None:
        weights = self._weights.of(len(batch))
        truth = np.array([_is_positive(one.truth) for one in batch])
        prediction = np.array([_is_positive(one.prediction) for one in batch])
        cells = [truth & prediction, ~truth & prediction, truth & ~prediction, ~truth & ~prediction]
        counts = weights @ np.stack(cells).astype(np.float64).T
        self._counts = counts if self._counts is None else self._counts + counts
        if all(one.score is not None for one in batch):
            scores = np.clip([one.score or 0.0 for one in batch], 0.0, 1.0)
            bins = np.minimum((scores * BINS).astype(int), BINS - 1) + np.where(truth, BINS, 0)
            found = np.stack([np.bincount(bins, row, minlength=2 * BINS) for row in weights])
            self._scores = found if self._scores is None else self._scores + found

    def values(self) -> dict[str, Numbers]:
        """Returns each metric of the data and of its replicates."""
        assert self._counts is not None
        hits, false, missed, rejected = self._counts.T
        found = _binary(hits, false, missed, rejected)
        positive = hits[0] + missed[0] >= false[0] + rejected[0]
        zero = np.zeros_like(hits)
        constant = (
            (hits + missed, false + rejected, zero, zero) if positive else (zero, zero, hits + missed, false + rejected)
        )
        best = _binary(*constant)
        found |= {
            f"{name}_best_constant_classifier": best[name] for name in ("recall", "precision", "accuracy", *BETAS)
        }
        if self._scores is not None and self._scores[0, :BINS].any() and self._scores[0, BINS:].any():
            found["auc"] = _area(self._scores)
        return found

    def details(self) -> dict[str, object]:
        assert self._counts is not None
        hits, false, missed, rejected = map(float, self._counts[0])
        matrix = {"0": {"0": rejected, "1": false}, "1": {"0": missed, "1": hits}}
        found: dict[str, object] = {"confusion_matrix": matrix}
        if self._scores is not None:
            found |= _curves(self._scores[0])
        return found


def _is_positive(label: str) -> bool:
    lowered = label.lower()
    if lowered not in {"0", "1", "true", "false", "yes", "no"}:
        raise MonitorError(f"The class {label[:40]!r} of a binary classification must be 0 or 1.")
    return lowered in {"1", "true", "yes"}


def _binary(hits: Numbers, false: Numbers, missed: Numbers, rejected: Numbers) -> dict[str, Numbers]:
    recall, precision = _ratio(hits, hits + missed), _ratio(hits, hits + false)
    found = {
        "recall": recall,
        "precision": precision,
        "accuracy": _ratio(hits + rejected, hits + false + missed + rejected),
        "true_positive_rate": recall,
        "true_negative_rate": _ratio(rejected, rejected + false),
        "false_positive_rate": _ratio(false, rejected + false),
        "false_negative_rate": _ratio(missed, hits + missed),
    }
    return found | {name: _f(precision, recall, beta) for name, beta in BETAS.items()}


def _weighted(matrix: Numbers) -> dict[str, Numbers]:
    """Returns metrics weighted by the number of each true class."""
    whole = matrix.sum(axis=(0, 1))
    hits = matrix.diagonal().T
    weight = _ratio(matrix.sum(axis=1), whole)
    recall, precision = _ratio(hits, matrix.sum(axis=1)), _ratio(hits, matrix.sum(axis=0))
    found = {
        "accuracy": _ratio(hits.sum(axis=0), whole),
        "weighted_recall": (weight * recall).sum(axis=0),
        "weighted_precision": (weight * precision).sum(axis=0),
    }
    return found | {
        f"weighted_{name}": (weight * _f(precision, recall, beta)).sum(axis=0) for name, beta in BETAS.items()
    }


def _f(precision: Numbers, recall: Numbers, beta: float) -> Numbers:
    return _ratio((1 + beta**2) * precision * recall, beta**2 * precision + recall)


def _ratio(over: Numbers, under: Numbers) -> Numbers:
    """Returns quotients; 0 where there is nothing to divide by."""
    shape = np.broadcast(over, under).shape
    return np.divide(over, under, out=np.zeros(shape), where=np.broadcast_to(under, shape) != 0)


def _area(scores: Numbers) -> Numbers:
    """Returns the area under the curve of true over false positives."""
    negative, positive = scores[:, :BINS], scores[:, BINS:]
    below = np.cumsum(negative, axis=1) - negative / 2
    return _ratio((positive * below).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))


def _curves(scores: Numbers) -> dict[str, object]:
    """Returns points of the two curves, by falling threshold."""
    false, hits = (np.concatenate([[0.0], np.cumsum(part[::-1])]) for part in (scores[:BINS], scores[BINS:]))
    at = np.unique(np.linspace(0, BINS, CURVE_POINTS + 1).astype(int))
    recall = _ratio(hits, np.array(hits[-1]))[at]
    precision = np.where(hits + false > 0, _ratio(hits, hits + false), 1.0)[at]
    return {
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": _ratio(false, np.array(false[-1]))[at].tolist(),
            "true_positive_rates": recall.tolist(),
        },
        "precision_recall_curve": {"precisions": precision.tolist(), "recalls": recall.tolist()},
    }
