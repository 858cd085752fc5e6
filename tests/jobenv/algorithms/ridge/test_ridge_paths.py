"""Scores of rows left out are those of models that have not learnt from them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression, Ridge

from sagewright.algorithms.ridge import averages, paths, rotation, scores

RANDOM = np.random.default_rng(1)
SHAPES = [(30, 5), (20, 60)]


def rows(count: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, scores and weights, a few of which are large."""
    x = RANDOM.normal(size=(count, columns))
    return x, x[:, :3].sum(axis=1) + RANDOM.normal(size=count), RANDOM.choice([1.0, 1.0, 4.0], count)


@pytest.mark.parametrize(("count", "columns"), SHAPES)
@pytest.mark.parametrize("use_bias", [True, False])
def test_ridges_leave_out_exactly(count: int, columns: int, use_bias: bool) -> None:
    x, y, weights = rows(count, columns)
    rotated = rotation.rotate(x, weights, use_bias)
    for each in paths.squared(rotated, y, np.array([0.1, 3.0])):
        peer = Ridge(alpha=each.penalty, fit_intercept=use_bias)
        assert_allclose(rotated.features(each.weights), peer.fit(x, y, weights).coef_, atol=1e-8)
        left = [
            float(peer.fit(x[kept], y[kept], weights[kept]).predict(x[~kept])[0]) for kept in ~np.eye(count, dtype=bool)
        ]
        assert_allclose(each.left_out, left, atol=1e-7)


@pytest.mark.parametrize(("count", "columns"), SHAPES)
def test_logistic_models_leave_out_nearly(count: int, columns: int) -> None:
    x, scores, weights = rows(count, columns)
    y = (scores > 0).astype(np.float64)
    rotated = rotation.rotate(x, weights, True)
    for each in paths.logistic(rotated, y, np.ones(count), np.array([10.0, 1.0])):
        peer = LogisticRegression(C=1 / each.penalty, tol=1e-8, max_iter=10_000)
        assert_allclose(rotated.features(each.weights), peer.fit(x, y, weights).coef_[0], atol=2e-3)
        left = [
            float(peer.fit(x[kept], y[kept], weights[kept]).decision_function(x[~kept])[0])
            for kept in ~np.eye(count, dtype=bool)
        ]
        apart = np.abs(each.left_out - left)
        assert np.median(apart) < 0.02
        assert apart.max() < 0.2 * np.ptp(left)


def test_copies_leave_together() -> None:
    x, y, _ = rows(25, 4)
    times = RANDOM.integers(1, 9, 25)
    weighted = rotation.rotate(x, times.astype(float), True)
    one = paths.squared(weighted, y, np.array([2.0]))[0]
    each = np.repeat(np.arange(25), times)
    left = [Ridge(2.0).fit(x[each[each != row]], y[each[each != row]]).predict(x[[row]])[0] for row in range(25)]
    assert_allclose(one.left_out, left, atol=1e-8)


@pytest.mark.parametrize(("count", "columns"), SHAPES)
def test_searches_may_begin_at_another_model(count: int, columns: int) -> None:
    x, scores, weights = rows(count, columns)
    y = (scores > 0).astype(np.float64)
    rotated = rotation.rotate(x, weights, True)
    strong, weak = paths.logistic(rotated, y, np.ones(count), np.array([100.0, 1.0]))
    again = next(paths.logistic(rotated, y, np.ones(count), np.array([100.0]), weak))
    assert_allclose(again.weights, strong.weights, atol=2e-3)
    assert_allclose(again.left_out, strong.left_out, atol=5e-3)


@pytest.mark.parametrize(("count", "columns"), SHAPES)
@pytest.mark.parametrize("single", [False, True])
def test_features_of_other_widths_are_rotated_as_such(count: int, columns: int, single: bool) -> None:
    x, y, weights = rows(count, columns)
    widths = RANDOM.uniform(0.5, 2, columns)
    rotated = rotation.centre(x, weights, True).rotated(widths, single)
    assert rotated.rows.dtype == (np.float32 if single and count > columns else np.float64)
    alone = rotation.rotate(x * widths, weights, True)
    found, expected = (paths.squared(each, y, np.array([2.0]))[0] for each in (rotated, alone))
    assert_allclose(rotated.features(found.weights), alone.features(expected.weights), atol=1e-5)
    assert_allclose(found.left_out, expected.left_out, atol=1e-5)
    assert_allclose(rotated.coordinates(rotated.features(found.weights)), found.weights, atol=1e-8)


def test_the_constant_is_left_out_too() -> None:
    y = np.array([0.0, 0.0, 1.0])
    left = scores.constant_left_out(np.ones(3), y, np.ones(3), squared=True, use_bias=True)
    assert_allclose(left, [0.5, 0.5, 0.0])
    chances = 1 / (1 + np.exp(-scores.constant_left_out(np.ones(3), y, np.ones(3), squared=False, use_bias=True)))
    assert_allclose(chances, [0.5, 0.5, 1 / 6])


def test_shares_follow_losses_and_the_prior() -> None:
    tried = averages.penalties(10, 0.5)
    even = averages.shares(np.zeros(len(tried)), tried, 10)
    assert even.sum() == pytest.approx(1)
    assert tried[even.argmax()] == pytest.approx(10**0.5)
    losses = np.where(tried == tried[2], 0.5, 1.0)
    sure = averages.shares(averages.log_likelihood(losses, 400, squared=True), tried, 10)
    assert sure[2] > 0.99
    assert averages.shares(averages.log_likelihood(np.full(len(tried), np.nan), 9, squared=False), tried, 10).sum() == 1
