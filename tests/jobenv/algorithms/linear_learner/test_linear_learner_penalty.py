"""The penalty of many rows is chosen where it matters: for features that say nearly the same, and for separable classes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import log_loss
from tests.jobenv.algorithms.linear_learner.test_linear_learner_rare import fit

from sagewright.algorithms.linear_learner import newton


def powers(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    number = random.uniform(0, 4, rows)
    x = np.column_stack([number**power for power in range(1, 7)]).astype(np.float32)
    return x, (np.sin(2 * number) + random.normal(0, 0.1, rows)).astype(np.float32)


@pytest.mark.parametrize("rows", [100, 400, 2000])
def test_powers_of_a_number_are_not_shrunk(rows: int) -> None:
    x, y = powers(1, rows + 1000)
    model = fit(x[:rows], y[:rows], predictor_type="regressor")
    scaled = (x - x[:rows].mean(axis=0)) / x[:rows].std(axis=0)
    usual = np.mean((Ridge().fit(scaled[:rows], y[:rows]).predict(scaled[rows:]) - y[rows:]) ** 2)
    assert np.mean((model.raw(x[rows:])[:, 0] - y[rows:]) ** 2) < 0.5 * usual


def test_the_sums_suggest_the_penalty_of_scikit_learns_cross_validation() -> None:
    random = np.random.default_rng(2)
    x = random.normal(size=(400, 10)) @ random.normal(size=(10, 10))
    y = x @ random.normal(size=10) + random.normal(0, 5, 400)
    wide = np.column_stack([x, np.ones(400)])
    known = newton.Sums(wide.T @ wide / 400, wide.T @ y / 400, float(y @ y) / 400)
    found = newton.penalty(known, 400, True) * 400 / 2
    peer = RidgeCV(np.geomspace(1e-8, 1e5, 27)).fit(x, y)
    assert_allclose(
        Ridge(alpha=found).fit(x, y).predict(x), peer.predict(x), atol=0.1 * float(y.std()), rtol=0
    )  # fmt: skip


@pytest.mark.parametrize("classes", [2, 3])
def test_separable_classes_of_many_rows_are_told_surely(classes: int) -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=(1600, 2)).astype(np.float32)
    y = np.digitize(x @ [1.0, 0.5], [0.0] if classes == 2 else [-0.5, 0.5]).astype(np.float32)
    given = {} if classes == 2 else {"predictor_type": "multiclass_classifier", "num_classes": str(classes)}
    raw = fit(x[:600], y[:600], **given).raw(x[600:])
    raw = np.column_stack([np.zeros(len(raw)), raw]) if classes == 2 else raw
    odds = np.exp(raw - raw.max(axis=1, keepdims=True))
    ours = log_loss(y[600:], odds / odds.sum(axis=1, keepdims=True))
    peer = LogisticRegression(max_iter=1000).fit(x[:600], y[:600]).predict_proba(x[600:])
    assert ours < 0.7 * log_loss(y[600:], peer)


@pytest.mark.parametrize("classes", [2, 20])
def test_texts_of_more_words_than_rows_are_told_surely(classes: int) -> None:
    random = np.random.default_rng(4)
    words = np.exp(random.normal(0, 1.1, (classes, 2000))) / np.arange(1, 2001)
    words /= words.sum(axis=1, keepdims=True)
    y = random.integers(0, classes, 1500)
    x = np.array([random.multinomial(40, words[each]) for each in y], np.float32)
    given = {} if classes == 2 else {"predictor_type": "multiclass_classifier", "num_classes": str(classes)}
    raw = fit(x[:800], y[:800].astype(np.float32), sparse=True, **given).raw(x[800:])
    raw = np.column_stack([np.zeros(len(raw)), raw]) if classes == 2 else raw
    odds = np.exp(raw - raw.max(axis=1, keepdims=True))
    ours = log_loss(y[800:], odds / odds.sum(axis=1, keepdims=True))
    peer = LogisticRegression(max_iter=1000).fit(x[:800], y[:800]).predict_proba(x[800:])
    assert ours < 0.8 * log_loss(y[800:], peer)
