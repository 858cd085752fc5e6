"""The container's own metrics equal scikit-learn's, whole or added up over hosts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.xgboost import measures

REFERENCE = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "f1": lambda y, p: metrics.f1_score(y, p, average="macro", zero_division=0),
    "f1_macro": lambda y, p: metrics.f1_score(y, p, average="macro", zero_division=0),
    "f1_binary": lambda y, p: metrics.f1_score(y, p, zero_division=0),
    "precision": lambda y, p: metrics.precision_score(y, p, zero_division=0),
    "precision_macro": lambda y, p: metrics.precision_score(y, p, average="macro", zero_division=0),
    "precision_micro": lambda y, p: metrics.precision_score(y, p, average="micro", zero_division=0),
    "recall": lambda y, p: metrics.recall_score(y, p, zero_division=0),
    "recall_macro": lambda y, p: metrics.recall_score(y, p, average="macro", zero_division=0),
    "recall_micro": lambda y, p: metrics.recall_score(y, p, average="micro", zero_division=0),
}
BINARY_ONLY = {"f1_binary", "precision", "recall"}


def scores(
    names: tuple[str, ...], labels: np.ndarray, predictions: np.ndarray, objective: str, count: int | None
) -> dict[str, float]:
    classes = measures.Classes(objective, count)
    return dict(measures.evaluate(names, labels, predictions, classes, lambda values: values))


@pytest.mark.filterwarnings("ignore")
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1, width=32)), min_size=1, max_size=30))
@settings(max_examples=60)
def test_binary(rows: list[tuple[int, float]]) -> None:
    labels = np.array([row[0] for row in rows], np.float32)
    predictions = np.array([row[1] for row in rows], np.float32)
    expected = {name: reference(labels, (predictions > 0.5).astype(int)) for name, reference in REFERENCE.items()}
    assert scores(tuple(REFERENCE), labels, predictions, "binary:logistic", None) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore")
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
@settings(max_examples=60)
def test_many_classes(rows: list[tuple[int, int]]) -> None:
    labels = np.array([row[0] for row in rows], np.float32)
    predicted = np.array([row[1] for row in rows])
    names = tuple(name for name in REFERENCE if name not in BINARY_ONLY)
    expected = {name: REFERENCE[name](labels, predicted) for name in names}
    assert scores(names, labels, predicted.astype(np.float32), "multi:softmax", 4) == pytest.approx(expected)
    assert scores(names, labels, np.eye(4, dtype=np.float32)[predicted], "multi:softprob", 4) == pytest.approx(expected)


def test_regression_and_hosts() -> None:
    rng = np.random.default_rng(0)
    labels, predictions = rng.normal(size=40).astype(np.float32), rng.normal(size=40).astype(np.float32)
    whole = scores(("mse", "r2"), labels, predictions, "reg:squarederror", None)
    assert whole["mse"] == pytest.approx(metrics.mean_squared_error(labels, predictions))
    assert whole["r2"] == pytest.approx(metrics.r2_score(labels, predictions))
    parts = [measures._regression_sums(labels[rows], predictions[rows]) for rows in (slice(7), slice(7, None))]
    classes = measures.Classes("reg:squarederror", None)
    added = measures.evaluate(("mse", "r2"), labels[:7], predictions[:7], classes, lambda _: parts[0] + parts[1])
    assert dict(added) == pytest.approx(whole)


@pytest.mark.parametrize(
    ("objective", "labels"), [("reg:squarederror", [0, 1]), ("binary:logistic", [0, 0.5]), ("binary:logistic", [0, 2])]
)
def test_what_has_no_classes_is_refused(objective: str, labels: list[float]) -> None:
    with pytest.raises(UserError, match="Classification metrics"):
        scores(("accuracy",), np.array(labels), np.zeros(2), objective, None)
