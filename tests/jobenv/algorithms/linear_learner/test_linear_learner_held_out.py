"""Penalties that are compared on held-out rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from tests.jobenv.algorithms.linear_learner.test_linear_learner_rare import fit

from sagewright.algorithms.linear_learner import quasi_newton
from sagewright.algorithms.linear_learner.held_out import Verdict


def classes(seed: int, rows: int, columns: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows + 2000, columns)).astype(np.float32)
    y = (strength * x @ random.normal(size=(columns, 5)) + random.gumbel(size=(len(x), 5))).argmax(axis=1)
    return x, y.astype(np.float32)


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of L-BFGS's searches, in a list that grows."""
    found: list[int] = []
    search = quasi_newton.lbfgs

    def counted(*given: Any) -> np.ndarray:
        found.append(1)
        return search(*given)

    monkeypatch.setattr(quasi_newton, "lbfgs", counted)
    return found


@pytest.mark.parametrize(("strength", "seed"), [(0.2, 1), (1.0, 2)])
def test_hopeless_penalties_are_tried_on_the_first_rows_alone(searches: list[int], strength: float, seed: int) -> None:
    """300 rows are held out in fifths, and there are seven penalties: 36 searches if each were tried on all."""
    x, y = classes(seed, 300, 20, strength)
    model = fit(x[:300], y[:300], predictor_type="multiclass_classifier", num_classes="5", bias_wd_mult="0.01")
    assert 12 <= len(searches) <= 30
    raw = model.raw(x[300:]).astype(np.float64)
    ours = np.exp(raw - np.logaddexp.reduce(raw, axis=1)[:, None])
    peer = LogisticRegression(max_iter=1000).fit(x[:300], y[:300]).predict_proba(x[300:])
    assert log_loss(y[300:], ours) <= 1.01 * log_loss(y[300:], peer)


def test_a_model_that_is_clearly_better_than_a_constant_is_checked_once(searches: list[int]) -> None:
    x, y = classes(3, 600, 5, 1.0)
    fit(x[:600], y[:600], predictor_type="multiclass_classifier", num_classes="5")
    assert len(searches) == 2


def test_what_is_clearly_worse_is_not_hopeful() -> None:
    verdict = Verdict(np.array([0.5, 0.4, 0.9, 0.45]), 1.0, np.array([0.0, 0.05, 0.05, 0.05]))
    assert verdict.hopeful().tolist() == [0, 1, 3]  # the first one is what others are compared with


def test_models_that_were_not_tried_on_all_rows_are_never_the_best() -> None:
    assert Verdict(np.array([0.5, np.inf, 0.4]), 1.0, np.zeros(3), np.array([0, 2])).best(0.0) == 2
