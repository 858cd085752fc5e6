"""Few rows with defaults: over data that chose nothing, as good as the better of scikit-learn's defaults, and a constant."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.jobenv.algorithms.linear_learner.test_linear_learner_rare import fit

from sagewright.algorithms.ridge import averages

Rows = tuple[np.ndarray, np.ndarray]


def copied(random: np.random.Generator) -> tuple[Rows, Rows]:
    """A few rows that come ten times each, one copy with another label; and new rows."""
    rows, columns = int(random.integers(20, 60)), int(random.integers(4, 30))
    x = random.normal(size=(rows + 2000, columns))
    score = x @ random.normal(size=columns)
    y = (random.random(len(x)) < 1 / (1 + np.exp(-score))).astype(np.float32)
    again = np.concatenate([random.integers(0, rows, 10 * rows), np.arange(rows, rows + 2000)])
    x, y = x[again].astype(np.float32), y[again]
    y[:2] = 0, 1
    return (x[: 10 * rows], y[: 10 * rows]), (x[10 * rows :], y[10 * rows :])


def wide(random: np.random.Generator) -> tuple[Rows, Rows]:
    """More features than rows."""
    rows, columns = int(random.integers(20, 60)), int(random.integers(60, 300))
    x = random.normal(size=(rows + 2000, columns)).astype(np.float32)
    score = x @ random.normal(0, 2 / np.sqrt(columns), columns)
    y = (random.random(len(x)) < 1 / (1 + np.exp(-score))).astype(np.float32)
    y[:2] = 0, 1
    return (x[:rows], y[:rows]), (x[rows:], y[rows:])


def losses(draw: Callable[[np.random.Generator], tuple[Rows, Rows]], seed: int) -> tuple[float, float, float]:
    """Log losses on new rows: ours, the better of the library's, the constant's."""
    (x, y), (fresh, truth) = draw(np.random.default_rng(seed))
    ours = 1 / (1 + np.exp(-fit(x, y).raw(fresh)[:, 0].astype(np.float64)))
    plain, scaled = (
        LogisticRegression(max_iter=1000),
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    )
    theirs = min(log_loss(truth, each.fit(x, y).predict_proba(fresh)[:, 1]) for each in (plain, scaled))
    return log_loss(truth, ours), theirs, log_loss(truth, np.full(len(truth), y.mean()))


@pytest.mark.parametrize("draw", [copied, wide], ids=["copied", "wide"])
def test_few_rows_are_learnt_as_well_as_by_the_library(
    draw: Callable[[np.random.Generator], tuple[Rows, Rows]],
) -> None:
    ours, theirs, constant = np.array([losses(draw, seed) for seed in range(29_000, 29_024)]).T
    assert np.exp(np.log(ours / theirs).mean()) < 0.95
    assert np.mean(ours > 1.1 * theirs) < 0.1
    assert np.exp(np.log(ours / constant).mean()) < 1.02
    assert (ours / constant).max() < 1.35


def test_features_of_one_unit_need_no_scaling() -> None:
    random = np.random.default_rng(5)
    ratios = []
    for _ in range(12):
        x = (random.normal(size=(2060, 90)) * random.uniform(0.2, 1.5, 90)).astype(np.float32)
        y = (x @ random.normal(size=90) + random.normal(size=2060)).astype(np.float32)
        model = fit(x[:60], y[:60], predictor_type="regressor")
        error = np.mean((model.raw(x[60:])[:, 0] - y[60:]) ** 2)
        ratios.append(error / np.mean((Ridge().fit(x[:60], y[:60]).predict(x[60:]) - y[60:]) ** 2))
    assert np.exp(np.log(ratios).mean()) < 1.05


def test_a_category_that_tells_the_label_is_learnt() -> None:
    which = np.random.default_rng(6).integers(2, size=300)
    x = np.eye(2, dtype=np.float32)[which]
    chance = 1 / (1 + np.exp(-fit(x, which.astype(np.float32)).raw(np.eye(2, dtype=np.float32))[:, 0]))
    assert chance[0] < 0.05
    assert chance[1] > 0.95


def test_copies_are_named(caplog: pytest.LogCaptureFixture) -> None:
    (x, y), _ = copied(np.random.default_rng(7))
    caplog.set_level(logging.INFO)
    fit(x, y)
    assert "rows are copies of others" in caplog.text
    assert caplog.text.count("train baseline_ratio") == 1


def test_noise_ends_with_a_constant_or_little_more(caplog: pytest.LogCaptureFixture) -> None:
    random = np.random.default_rng(8)
    caplog.set_level(logging.INFO)
    spreads = []
    for _ in range(10):
        x, y = random.normal(size=(25, 100)).astype(np.float32), random.integers(2, size=25).astype(np.float32)
        y[:2] = 0, 1
        scores = fit(x, y).raw(random.normal(size=(1000, 100)).astype(np.float32))[:, 0]
        spreads.append(np.std(scores))
    ratios = [float(line.partition("<loss>=")[2]) for line in caplog.messages if "train baseline_ratio" in line]
    assert len(ratios) == 10
    assert max(ratios) <= 1
    assert np.median(spreads) < 0.7
    assert max(spreads) < 1.5


def test_weights_of_examples_count() -> None:
    random = np.random.default_rng(9)
    x = random.normal(size=(60, 8)).astype(np.float32)
    y = (x[:, 0] + random.normal(size=60) > 1).astype(np.float32)
    plain, heavy = (fit(x, y, positive_example_weight_mult=each).bias[0] for each in ("1", "balanced"))
    assert heavy > plain + 0.5


def test_few_labels_of_a_class_choose_the_penalty() -> None:
    ratios = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        x = random.normal(size=(60_000, 40)).astype(np.float32)
        score = x @ random.normal(0, 0.3, 40) + random.logistic(size=60_000)
        y = (score > np.quantile(score, 0.9995)).astype(np.float32)
        scores = fit(x[:30_000], y[:30_000]).raw(x[30_000:])[:, 0].astype(np.float64)
        peer = LogisticRegression(max_iter=1000, tol=1e-6).fit(x[:30_000], y[:30_000])
        ours, theirs = (
            log_loss(y[30_000:], each) for each in (1 / (1 + np.exp(-scores)), peer.predict_proba(x[30_000:])[:, 1])
        )
        ratios.append(ours / theirs)
    assert np.exp(np.log(ratios).mean()) < 0.99
    assert max(ratios) < 1.03


@pytest.mark.parametrize("rows", [7, 40])
def test_a_slight_l1_leaves_the_penalty_to_the_rows(rows: int) -> None:
    random = np.random.default_rng(10)
    ratios = []
    for _ in range(12):
        x = random.normal(size=(rows + 1000, 8)).astype(np.float32)
        y = (x @ random.normal(size=8) + 0.1 * random.normal(size=rows + 1000)).astype(np.float32)
        slight, none = (fit(x[:rows], y[:rows], predictor_type="regressor", **given) for given in ({"l1": "1e-6"}, {}))
        errors = [np.mean((each.raw(x[rows:])[:, 0] - y[rows:]) ** 2) for each in (slight, none)]
        ratios.append(errors[0] / errors[1])
    assert np.exp(np.log(ratios).mean()) < (1.2 if rows > 10 else 1.6)


@pytest.mark.parametrize(("rows", "least", "most"), [(8, 0.6, 0.85), (2000, 0.98, 1.0)])
def test_few_rows_leave_part_of_a_models_deviation(rows: int, least: float, most: float) -> None:
    """The model is right in nine of ten rows, and as sure as that: few rows left out can't tell."""
    y = np.ones(rows)
    scores = np.where(np.arange(rows) % 10 == 0, -2.2, 2.2)
    assert least < averages.kept(np.zeros(rows), scores, y, np.ones(rows)) < most


def test_a_model_that_is_sure_and_wrong_keeps_half() -> None:
    assert averages.kept(np.zeros(40), np.full(40, -8.0), np.ones(40), np.ones(40)) == pytest.approx(0.5, abs=0.02)


def test_eight_separable_rows_do_not_make_it_sure() -> None:
    """Labels that have nothing to do with the features: it may not be sure of them."""
    ratios = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        x, y = random.normal(size=(2008, 4)).astype(np.float32), (random.random(2008) < 0.5).astype(np.float32)
        y[:2] = 0, 1
        raw = fit(x[:8], y[:8]).raw(x[8:])[:, 0].astype(np.float64)
        ratios.append(log_loss(y[8:], 1 / (1 + np.exp(-raw))) / log_loss(y[8:], np.full(2000, y[:8].mean())))
    assert np.mean(ratios) < 1.22  # 1.26 if all of the deviation is kept
