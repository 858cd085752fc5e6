"""Log lines of the quality of predictions."""

from __future__ import annotations

import numpy as np

from sagewright.algorithms.firstparty import scores
from sagewright.algorithms.firstparty.logistic import probability
from sagewright.algorithms.firstparty.session import Session


def quality(run: Session, part: str, raw: np.ndarray, labels: np.ndarray, **when: int) -> None:
    """Logs the quality of raw predictions (n,)."""
    if run.values["predictor_type"] == "regressor":
        losses, shares = scores.regression(raw, labels), {}
    else:
        score = probability(raw)
        found = scores.binary(score, (score >= 0.5).astype(np.int64), labels, 1.0)
        losses = {"binary_classification_cross_entropy": cross_entropy(raw, labels)}
        shares = {name: found[name] for name in ("binary_classification_accuracy", "binary_f_1.000")}
    run.lines.quality(part, losses, "loss", **when)
    run.lines.quality(part, shares, "score", **when)
    if part == "test":
        run.lines.test_score({**losses, **shares})


def cross_entropy(raw: np.ndarray, labels: np.ndarray) -> float:
    return float(cross_entropies(raw, labels).mean())


def cross_entropies(raw: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the loss of each row, (n,)."""
    score = probability(raw)
    return np.asarray(-np.log(np.maximum(np.where(labels == 1, score, 1 - score), 1e-15)))
