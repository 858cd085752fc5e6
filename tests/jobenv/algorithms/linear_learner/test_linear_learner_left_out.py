"""The loss at rows left out is that of models that are solved for without them."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from tests.jobenv.algorithms.linear_learner.test_linear_learner_rare import fit


@pytest.mark.parametrize("classes", [False, True])
def test_the_ratio_is_that_of_models_without_the_row(classes: bool, caplog: pytest.LogCaptureFixture) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(160, 4)).astype(np.float32)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = (x[:, 0] + 2 * random.normal(size=160)).astype(np.float32)
    y = (y > 0).astype(np.float32) if classes else (y - y.mean()) / y.std()
    peer: Any = LogisticRegression(C=1, tol=1e-8) if classes else Ridge(alpha=1)
    losses = []
    for kept in ~np.eye(160, dtype=bool):
        model = peer.fit(x[kept], y[kept])
        score = float((model.decision_function if classes else model.predict)(x[~kept])[0])
        truth = float(y[~kept][0])
        losses.append(np.logaddexp(0, score) - truth * score if classes else (score - truth) ** 2)
    share = y.mean()
    constant = -share * np.log(share) - (1 - share) * np.log(1 - share) if classes else 1.0
    caplog.set_level(logging.INFO)
    fit(x, y, predictor_type="binary_classifier" if classes else "regressor", wd=str(1 / 160 if classes else 2 / 160))
    line = next(line for line in caplog.messages if "train baseline_ratio" in line)
    assert float(line.partition("<loss>=")[2]) == pytest.approx(np.mean(losses) / constant, rel=5e-3)
