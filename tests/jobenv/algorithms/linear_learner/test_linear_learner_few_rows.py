"""Linear learner on few rows, and on rare categories: as good as scikit-learn, and never worse than a constant."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Lasso, LogisticRegression, QuantileRegressor, Ridge
from sklearn.metrics import log_loss
from tests.jobenv.algorithms.linear_learner.test_linear_learner_rare import fit

from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.linear_learner import losses, scaling
from sagewright.algorithms.linear_learner.declaration import DECLARATION


def categories(seed: int, rows: int, levels: int, effect: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, 2 x levels) of two one-hot categories, most of which are rare, and the sums (n,) of their effects."""
    random = np.random.default_rng(seed)
    share = 1 / np.arange(1, levels + 1)
    x, total = np.zeros((rows, 2 * levels), np.float32), np.zeros(rows)
    for number in range(2):
        each = random.choice(levels, rows, p=share / share.sum())
        x[np.arange(rows), number * levels + each] = 1
        total += random.normal(0, effect, levels)[each]
    return x, total - total.mean()


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("effect", [0.3, 1.5])
def test_rare_categories_are_not_learnt_by_heart(sparse: bool, effect: float) -> None:
    x, total = categories(1, 4000, 400, effect)
    random = np.random.default_rng(2)
    y = (random.random(4000) < 1 / (1 + np.exp(-total))).astype(np.float32)
    model, peer = fit(x[:2000], y[:2000], sparse=sparse), LogisticRegression(max_iter=1000).fit(x[:2000], y[:2000])
    ours, held = 1 / (1 + np.exp(-model.raw(x[2000:])[:, 0])), y[2000:]
    nothing = log_loss(held, np.full(2000, y[:2000].mean()))
    assert log_loss(held, ours) <= min(nothing, log_loss(held, peer.predict_proba(x[2000:])[:, 1])) * 1.01
    y = (total + random.normal(size=4000)).astype(np.float32)
    model, ridge = fit(x[:2000], y[:2000], sparse=sparse, predictor_type="regressor"), Ridge().fit(x[:2000], y[:2000])
    error = np.mean((model.raw(x[2000:])[:, 0] - y[2000:]) ** 2)
    assert error <= min(np.var(y[2000:]), np.mean((ridge.predict(x[2000:]) - y[2000:]) ** 2) * 1.05)


def test_a_category_is_scaled_as_if_it_were_common() -> None:
    x = np.zeros((1000, 4), np.float32)
    x[:3, 0] = x[3:600, 1] = x[:997, 2] = 1
    x[:, 3] = np.random.default_rng(0).normal(5, 2, 1000)
    values = DECLARATION.validate_hyperparameters({"predictor_type": "binary_classifier"})
    table = Table(x, x[:, 0])
    assert_allclose(scaling.fit(table, table, values, Group()).scale, [1, 0.77, 1, 2], rtol=0.15)


def line(seed: int, rows: int = 300, columns: int = 300) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, columns)).astype(np.float32)
    return x, (x[:, :10] @ random.normal(0, 1.4, 10) + random.normal(0, 0.3, rows)).astype(np.float32)


@pytest.mark.parametrize("given", [{}, {"learning_rate": "0.01", "mini_batch_size": "100"}], ids=str)
def test_an_l1_gives_the_lassos_model(given: dict[str, str]) -> None:
    x, y = line(0)
    model = fit(x, y, predictor_type="regressor", l1="0.1", wd="0", **given)
    scaled = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float64)
    peer = Lasso(alpha=0.05, tol=1e-6, max_iter=10_000).fit(scaled, (y - y.mean()) / y.std())
    assert_allclose(model.weights[:, 0] * x.std(axis=0) / y.std(), peer.coef_, atol=3e-3)
    assert np.count_nonzero(model.weights) == np.count_nonzero(peer.coef_)


def test_an_l1_of_a_classifier_gives_scikit_learns_model() -> None:
    x, y = line(1, 400, 60)
    y = (y > 0).astype(np.float32)
    model = fit(x, y, l1="0.02", wd="0")
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    peer = LogisticRegression(l1_ratio=1, solver="saga", C=1 / (0.02 * 400), tol=1e-7, max_iter=20_000).fit(scaled, y)
    assert_allclose(model.weights[:, 0] * x.std(axis=0), peer.coef_[0], atol=0.02)
    assert np.count_nonzero(model.weights) < 30


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("given", [{}, {"learning_rate": "1e-5"}], ids=str)
def test_quantiles_are_those_of_the_linear_program(share: float, given: dict[str, str]) -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=(300, 5)).astype(np.float32)
    y = (x @ random.normal(size=5) + random.standard_t(3, 300)).astype(np.float32)
    model = fit(x, y, predictor_type="regressor", loss="quantile_loss", quantile=str(share), **given)
    peer = QuantileRegressor(quantile=share, alpha=0).fit(x, y)

    def pinball(at: np.ndarray) -> float:
        return float(np.mean(np.maximum(share * (y - at), (share - 1) * (y - at))))

    assert pinball(model.raw(x)[:, 0]) <= pinball(peer.predict(x)) * 1.01
    assert np.mean(y <= model.raw(x)[:, 0]) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(
    "given",
    [{"loss": "hinge_loss"}, {"learning_rate": "1e-4"}, {"learning_rate": "0.5", "optimizer": "sgd"}, {"l1": "0.001"}],
    ids=str,
)
def test_a_setting_leaves_few_rows_learnt(given: dict[str, str]) -> None:
    x, y = line(4, 2300, 10)
    y = (y > 0).astype(np.float32)
    model = fit(x[:300], y[:300], **given)
    assert np.mean((model.raw(x[300:])[:, 0] >= model.threshold) == y[300:]) > 0.93


def test_forced_gradients_take_as_many_steps_as_they_need() -> None:
    x, y = line(5, 2300, 10)
    model = fit(x[:300], y[:300], predictor_type="regressor", _solver="gradients")
    assert np.mean((model.raw(x[300:])[:, 0] - y[300:]) ** 2) < 0.15


def test_noise_is_told_from_what_can_be_learnt(caplog: pytest.LogCaptureFixture) -> None:
    random = np.random.default_rng(6)
    x, y = random.normal(size=(400, 300)).astype(np.float32), random.normal(size=400).astype(np.float32)
    caplog.set_level(logging.INFO)
    model = fit(x, y, predictor_type="regressor")
    fresh = random.normal(size=(1000, 300))
    assert np.mean(model.raw(fresh)[:, 0] ** 2) < 0.15
    ratios = [float(line.partition("<loss>=")[2]) for line in caplog.messages if "train baseline_ratio" in line]
    assert len(ratios) == 1
    assert 0.9 < ratios[0] <= 1.0


def test_a_given_penalty_that_overfits_is_told(caplog: pytest.LogCaptureFixture) -> None:
    random = np.random.default_rng(7)
    x, y = random.normal(size=(400, 300)).astype(np.float32), random.normal(size=400).astype(np.float32)
    caplog.set_level(logging.INFO)
    fit(x, y, predictor_type="regressor", wd="0")
    assert "times that of one that looks at no feature" in caplog.text


@pytest.mark.parametrize("name", ["hinge_loss", "absolute_loss", "quantile_loss", "eps_insensitive_absolute_loss"])
def test_a_softened_loss_comes_to_the_loss(name: str) -> None:
    predictor = "binary_classifier" if name == "hinge_loss" else "regressor"
    given: dict[str, Any] = {"predictor_type": predictor, "loss": name, "quantile": "0.8"}
    loss = losses.make(DECLARATION.validate_hyperparameters(given))
    z, y = np.linspace(-3, 3, 601, dtype=np.float32)[:, None], np.ones(601, np.float32)
    near, far = loss.within(1e-3)(z, y), loss.within(0.5)(z, y)
    assert_allclose(near[0], loss(z, y)[0], atol=1e-3)
    assert_allclose(np.gradient(far[0][:, 0], z[:, 0]), far[1][:, 0], atol=0.02)
