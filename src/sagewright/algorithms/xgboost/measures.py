"""The evaluation metrics of AWS's container that XGBoost itself does not have.

Each is a function of sums over rows (a confusion matrix, or five sums), so several hosts add theirs and get the exact
value. Definitions follow scikit-learn's functions of the same names, without row weights and with 0 for 0/0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sagewright.algorithms.errors import UserError

Reduce = Callable[[np.ndarray], np.ndarray]
"""Adds an array over all hosts."""


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros(np.shape(numerator)), where=denominator > 0)


def _present(confusion: np.ndarray) -> np.ndarray:
    return (confusion.sum(0) + confusion.sum(1)) > 0


def _precisions(confusion: np.ndarray) -> np.ndarray:
    return _ratio(np.diag(confusion), confusion.sum(0))


def _recalls(confusion: np.ndarray) -> np.ndarray:
    return _ratio(np.diag(confusion), confusion.sum(1))


def _f1s(confusion: np.ndarray) -> np.ndarray:
    return _ratio(2 * np.diag(confusion), confusion.sum(0) + confusion.sum(1))


def _macro(scores: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], float]:
    return lambda confusion: float(scores(confusion)[_present(confusion)].mean())


def _positive(scores: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], float]:
    def score(confusion: np.ndarray) -> float:
        if len(confusion) > 2:
            raise UserError("Target is multiclass but average='binary': use a _macro or _micro metric instead.")
        return float(scores(confusion)[1])

    return score


def _accuracy(confusion: np.ndarray) -> float:
    return float(np.trace(confusion) / confusion.sum())


def _balanced_accuracy(confusion: np.ndarray) -> float:
    return float(_recalls(confusion)[confusion.sum(1) > 0].mean())


FROM_CONFUSION: dict[str, Callable[[np.ndarray], float]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _macro(_f1s),
    "f1_macro": _macro(_f1s),
    "f1_binary": _positive(_f1s),
    "precision": _positive(_precisions),
    "precision_macro": _macro(_precisions),
    "precision_micro": _accuracy,
    "recall": _positive(_recalls),
    "recall_macro": _macro(_recalls),
    "recall_micro": _accuracy,
}
"""Metrics of a (classes, classes) matrix of counts: rows are true classes, columns predicted ones."""


def _mse(sums: np.ndarray) -> float:
    return float(sums[3] / sums[0])


def _r2(sums: np.ndarray) -> float:
    total = sums[2] - sums[1] ** 2 / sums[0]
    if total <= 0:
        return 1.0 if sums[3] == 0 else 0.0
    return float(1 - sums[3] / total)


FROM_SUMS: dict[str, Callable[[np.ndarray], float]] = {"mse": _mse, "r2": _r2}
"""Metrics of the sums (rows, label, label², (label - prediction)²)."""

MEASURES = tuple(FROM_CONFUSION) + tuple(FROM_SUMS)


def evaluate(
    names: tuple[str, ...], labels: np.ndarray, predictions: np.ndarray, classes: Classes, reduce: Reduce
) -> list[tuple[str, float]]:
    """Returns (name, value) of each metric. `predictions` (n,) or (n, k) as XGBoost predicts. Raises UserError."""
    results = []
    confusion = sums = None
    for name in names:
        if name in FROM_CONFUSION:
            if confusion is None:
                confusion = reduce(classes.confusion(labels, predictions))
            results.append((name, FROM_CONFUSION[name](confusion)))
        else:
            if sums is None:
                sums = reduce(_regression_sums(labels, predictions))
            results.append((name, FROM_SUMS[name](sums)))
    return results


def _regression_sums(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    if predictions.ndim > 1:
        raise UserError("Metrics mse and r2 need one prediction a row, so not objective multi:softprob.")
    truth = labels.astype(np.float64)
    errors = truth - predictions
    return np.array([len(truth), truth.sum(), truth @ truth, errors @ errors])


class Classes:
    """Converts the predictions of one objective to classes. `count` is the number of classes."""

    def __init__(self, objective: str, num_class: int | None) -> None:
        self.objective = objective
        self.count = num_class or 2

    def predicted(self, predictions: np.ndarray) -> np.ndarray:
        """Returns (n,) int64 classes. Raises UserError for an objective that predicts no class."""
        if self.objective == "multi:softprob":
            return predictions.argmax(axis=1)
        if self.objective in ("multi:softmax", "binary:hinge"):
            return predictions.astype(np.int64)
        if self.objective in ("binary:logistic", "reg:logistic"):
            return (predictions > 0.5).astype(np.int64)
        if self.objective == "binary:logitraw":
            return (predictions > 0).astype(np.int64)
        raise UserError(f"Classification metrics can't be used with objective {self.objective}.")

    def confusion(self, labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        """Returns (count, count) float64 counts. Raises UserError for labels that are not classes."""
        truth = labels.astype(np.int64)
        if len(truth) and ((truth != labels).any() or truth.min() < 0 or truth.max() >= self.count):
            raise UserError(f"Classification metrics need labels that are whole numbers below {self.count}.")
        cells = truth * self.count + self.predicted(predictions)
        return np.bincount(cells, minlength=self.count**2).reshape(self.count, self.count).astype(np.float64)
