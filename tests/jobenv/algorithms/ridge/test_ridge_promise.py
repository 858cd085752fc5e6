"""The saving that is expected of a weaker penalty is about the one that comes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sagewright.algorithms.ridge import promise, scores
from sagewright.algorithms.ridge.families import First, Rows


def losing(model: LogisticRegression, x: np.ndarray, y: np.ndarray) -> float:
    chances = model.predict_proba(x)
    return float(-np.log(chances[np.arange(len(y)), y]).sum())


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("penalty", [3.0, 30.0])
def test_the_sum_of_losses_falls_by_about_as_much(classes: int, penalty: float) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(800, 5))
    said = x @ random.normal(size=(5, classes)) * 0.5
    y = np.argmax(said + random.gumbel(size=said.shape), axis=1)
    strong, weak = (LogisticRegression(C=1 / each, tol=1e-8).fit(x, y) for each in (penalty, 1e-3 * penalty))
    shares = np.eye(classes)[y] if classes > 2 else y.astype(np.float64)
    first = First(strong.coef_.T, strong.intercept_, penalty / 800, losing(strong, x, y) / 800)
    found = promise.of_weaker(Rows(x, shares, np.ones(800), np.ones(800)), first)
    saved = losing(strong, x, y) - losing(weak, x, y)
    assert 0.4 * saved < found < 1.6 * saved


def test_copies_count_as_often_as_they_occur() -> None:
    random = np.random.default_rng(2)
    x = random.normal(size=(60, 3))
    y = (x[:, 0] + random.logistic(size=60) > 0).astype(np.float64)
    first = First(np.full((3, 1), 0.1), scores.constant(np.ones(60), y)[None], 0.2, 0.6)
    one = promise.of_weaker(Rows(x, y, np.full(60, 5.0), np.ones(60)), first)
    several = promise.of_weaker(Rows(x.repeat(5, axis=0), y.repeat(5), np.ones(300), np.ones(300)), first)
    assert one == pytest.approx(several)
