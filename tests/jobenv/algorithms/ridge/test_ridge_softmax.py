"""Several classes with few rows: scores at rows left out are those of models refitted without them, and their average beats
scikit-learn's model.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.jobenv.algorithms.linear_learner.test_linear_learner_rare import fit

from sagewright.algorithms.ridge import paths, rotation, scores, softmax


def drawn(seed: int, rows: int, columns: int, classes: int, apart: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    y = np.append(np.arange(classes), random.integers(0, classes, rows - classes))
    x = random.normal(0, apart, (classes, columns))[y] + random.normal(size=(rows, columns))
    return x - x.mean(axis=0), y


def probabilities(model: object, x: np.ndarray) -> np.ndarray:
    raw = model.raw(x.astype(np.float32))  # type: ignore[attr-defined]
    odds = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("columns", [5, 60])
def test_rows_left_out_are_scored_as_by_models_without_them(columns: int) -> None:
    x, y = drawn(1, 40, columns, 4)
    rotated = rotation.rotate(x, np.ones(40), centred=True)
    shares = np.eye(4)[y]
    found = list(softmax.solve(rotated, shares, np.ones(40), np.array([100.0, 10.0])))
    assert [each.penalty for each in found] == [100, 10]
    for each in found:
        peer = LogisticRegression(C=1 / each.penalty, tol=1e-8, max_iter=5000)
        weights = rotated.features(each.weights)
        said = x @ weights + each.bias - rotated.middle @ weights
        assert_allclose(np.exp(said - scores.log_sums(said)[:, None]), peer.fit(x, y).predict_proba(x), atol=0.02)
        others = [peer.fit(x[kept], y[kept]).predict_proba(x[~kept])[0] for kept in ~np.eye(40, dtype=bool)]
        exact = log_loss(y, np.array(others), labels=range(4))
        assert scores.mean_loss(each.left_out, shares, np.ones(40), squared=False) == pytest.approx(exact, rel=0.03)


def test_weak_penalties_of_many_classes_are_judged_by_all_classes_together() -> None:
    random = np.random.default_rng(5)
    y = np.repeat(np.arange(12), 6)
    x = random.normal(size=(12, 8))[y] + random.normal(size=(72, 8))
    x -= x.mean(axis=0)
    rotated, shares, every = rotation.rotate(x, np.ones(72), centred=True), np.eye(12)[y], np.ones(72)
    first = next(softmax.solve(rotated, shares, every, np.array([0.1])))
    peer = LogisticRegression(C=10, tol=1e-8, max_iter=5000)
    others = [peer.fit(x[kept], y[kept]).predict_proba(x[~kept])[0] for kept in ~np.eye(72, dtype=bool)]
    exact = log_loss(y, np.array(others))
    closer = softmax.closer(rotated, shares, every, first)
    assert scores.mean_loss(closer.left_out, shares, every, squared=False) == pytest.approx(exact, rel=0.15)
    assert scores.mean_loss(first.left_out, shares, every, squared=False) < 0.8 * exact
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(softmax, "CELLS", 200)
        again = softmax.closer(rotated, shares, every, first)
    assert_allclose(again.left_out, closer.left_out)


@pytest.mark.parametrize("columns", [30, 60])
def test_many_classes_of_ten_rows_are_no_worse_than_scikit_learn(columns: int) -> None:
    """Some columns say nothing: the unscaled features do better."""
    random = np.random.default_rng(columns)
    centres = np.zeros((50, columns))
    centres[:, : columns // 4] = random.normal(0, 2, (50, columns // 4))
    y = np.append(np.repeat(np.arange(50), 10), random.integers(0, 50, 2000))
    x = (centres[y] + random.normal(size=(2500, columns))).astype(np.float32)
    model = fit(x[:500], y[:500].astype(np.float32), predictor_type="multiclass_classifier", num_classes="50")
    peer = LogisticRegression(max_iter=1000).fit(x[:500], y[:500])
    ours = log_loss(y[500:], probabilities(model, x[500:]))
    assert ours < 1.03 * log_loss(y[500:], peer.predict_proba(x[500:]))


def test_two_classes_are_those_of_the_logistic_loss() -> None:
    x, y = drawn(2, 60, 8, 2, 0.5)
    rotated = rotation.rotate(x, np.ones(60), centred=True)
    one = next(paths.logistic(rotated, y.astype(float), np.ones(60), np.array([5.0])))
    # a penalty on the weights of both classes is half that on their difference
    two = next(softmax.solve(rotated, np.eye(2)[y], np.ones(60), np.array([10.0])))
    assert_allclose(two.left_out[:, 1] - two.left_out[:, 0], one.left_out, atol=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_iris_is_learnt_better_than_by_scikit_learns_default(seed: int) -> None:
    x, y = load_iris(return_X_y=True)
    order = np.random.default_rng(seed).permutation(150)
    known, new = order[:60], order[60:]
    model = fit(x[known].astype(np.float32), y[known].astype(np.float32), predictor_type="multiclass_classifier", num_classes="3")  # fmt: skip  # noqa: E501
    peer = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x[known], y[known])
    ours = log_loss(y[new], probabilities(model, x[new]))
    assert ours < 0.8 * log_loss(y[new], peer.predict_proba(x[new]))


def test_more_features_than_rows() -> None:
    x, y = drawn(4, 1100, 300, 4, 0.3)
    model = fit(x[:100].astype(np.float32), y[:100].astype(np.float32), predictor_type="multiclass_classifier", num_classes="4")  # fmt: skip  # noqa: E501
    ours = log_loss(y[100:], probabilities(model, x[100:]))
    peer = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x[:100], y[:100])
    assert ours < 0.95 * log_loss(y[100:], peer.predict_proba(x[100:]))


def test_a_class_without_rows_is_hardly_ever_predicted() -> None:
    x, y = drawn(6, 1060, 5, 3, 0.7)
    given = {"predictor_type": "multiclass_classifier"}
    features, labels = x.astype(np.float32), y.astype(np.float32)
    wider, usual = (fit(features[:60], labels[:60], num_classes=count, **given) for count in ("4", "3"))
    chances = probabilities(wider, x[60:])
    assert chances[:, 3].max() < 1e-3
    least = log_loss(y[60:], probabilities(usual, x[60:]))
    assert log_loss(y[60:], chances, labels=range(4)) < 1.02 * least


def test_copies_and_balanced_weights_of_classes() -> None:
    x, y = drawn(5, 400, 6, 3, 0.5)
    known = np.concatenate([np.flatnonzero(y == 0)[:60], np.flatnonzero(y == 1)[:10], np.flatnonzero(y == 2)[:10]])
    given = {"predictor_type": "multiclass_classifier", "num_classes": "3"}
    again = np.repeat(known, 5)
    features, labels = x.astype(np.float32), y.astype(np.float32)
    once, often = (fit(features[rows], labels[rows], **given) for rows in (known, again))
    assert_allclose(once.weights, often.weights, atol=0.05)
    even = fit(features[known], labels[known], balance_multiclass_weights="true", **given)
    assert probabilities(even, x)[:, 1].mean() > 1.1 * probabilities(once, x)[:, 1].mean()


def test_separable_classes_of_few_rows_are_told_surely() -> None:
    x, y = drawn(7, 1120, 40, 4, 1.5)
    model = fit(x[:120].astype(np.float32), y[:120].astype(np.float32), predictor_type="multiclass_classifier", num_classes="4")  # fmt: skip  # noqa: E501
    peer = LogisticRegression(max_iter=1000).fit(x[:120], y[:120]).predict_proba(x[120:])
    assert log_loss(y[120:], probabilities(model, x[120:])) < 0.9 * log_loss(y[120:], peer)
