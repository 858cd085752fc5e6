"""Linear learner where one class is rare, or no feature says anything: never worse than a constant, and as good as scikit-learn."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.lines import Lines
from sagewright.algorithms.firstparty.rows.data import ExpectedColumns, Rows
from sagewright.algorithms.firstparty.rows.memory import Budget
from sagewright.algorithms.firstparty.rows.source import Source
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.formats.table import Layout, Sparse, Table
from sagewright.algorithms.job import Job
from sagewright.algorithms.linear_learner import held_out, quasi_newton, training
from sagewright.algorithms.linear_learner.declaration import DECLARATION
from sagewright.algorithms.linear_learner.model import LinearModel

ROWS, COLUMNS, POSITIVES = 100_000, 12, 55


class Held(Rows):
    """A channel's rows that are there already."""

    def __init__(self, features: np.ndarray | Sparse, labels: np.ndarray) -> None:
        self.channel, self.wanted = "train", ExpectedColumns(int(features.shape[1]), labels=True, sparse=True)
        self._format, self._layout = "recordio-protobuf", Layout()
        self._table = Table(features, labels)

    def _tables(self) -> Any:
        yield self._table


def fit(x: np.ndarray, y: np.ndarray, *, sparse: bool = False, **given: str) -> LinearModel:
    texts = {"predictor_type": "binary_classifier", **given}
    values = DECLARATION.validate_hyperparameters(texts)
    job = Job(Path(), "test", texts, {}, "algo-1", ("algo-1",), None)
    run = Session(job, values, Lines("Linear Learner", "algo-1"), Group(), DECLARATION)
    place = np.nonzero(x)
    ends = np.append(0, np.cumsum(np.count_nonzero(x, axis=1)))
    rows = Sparse(ends, place[1], x[place], x.shape[1]) if sparse else x
    return training.fit(run, Source(Held(rows, y), Budget(1 << 34), np.random.default_rng(0)), None)


def rare(rows: int = ROWS, positives: int = POSITIVES, *, heavy: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, 12) of which few are positive, in no order: these lie a bit aside of the others."""
    random = np.random.default_rng(0)
    y = np.zeros(rows, np.float32)
    y[random.choice(rows, positives, replace=False)] = 1
    x = random.standard_t(1.5, (rows, COLUMNS)) if heavy else random.normal(size=(rows, COLUMNS))
    x[:, :4] += 1.5 * y[:, None]
    return x.astype(np.float32), y


def weighted_loss(score: np.ndarray, y: np.ndarray, weight: float) -> float:
    return float(log_loss(y, 1 / (1 + np.exp(-score)), sample_weight=np.where(y > 0, weight, 1)))


@pytest.mark.parametrize("weight", ["1", "balanced", f"{ROWS / POSITIVES - 1:.9g}", "auto"])
@pytest.mark.parametrize("sparse", [False, True])
def test_few_positives_are_learnt_as_scikit_learn_learns_them(weight: str, sparse: bool) -> None:
    x, y = rare()
    model = fit(x, y, sparse=sparse, positive_example_weight_mult=weight)
    factor = ROWS / POSITIVES - 1 if weight != "1" else 1.0
    peer = LogisticRegression(max_iter=1000).fit(x, y, sample_weight=np.where(y > 0, factor, 1))
    theirs, ours = x @ peer.coef_[0] + peer.intercept_[0], model.raw(x)[:, 0]
    if weight != "auto":
        assert weighted_loss(ours, y, factor) <= weighted_loss(theirs, y, factor) * 1.005
    assert roc_auc_score(y, ours) > roc_auc_score(y, theirs) - 0.005


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("criterion", ["accuracy", "f1", "loss_function", "recall_at_target_precision"])
def test_gradients_learn_few_positives(heavy: bool, criterion: str) -> None:
    x, y = rare(positives=300, heavy=heavy)
    model = fit(x, y, _solver="gradients", epochs="4", binary_classifier_model_selection_criteria=criterion)
    peer = LogisticRegression(max_iter=1000).fit(x, y)
    score = model.raw(x)[:, 0]
    chance = np.full(len(y), np.log(y.mean() / (1 - y.mean())))
    assert weighted_loss(score, y, 1.0) <= weighted_loss(chance, y, 1.0)
    assert roc_auc_score(y, score) > roc_auc_score(y, peer.decision_function(x)) - (0.06 if heavy else 0.02)


@pytest.mark.parametrize(
    "given",
    [
        {"_solver": "gradients"},
        {"_solver": "gradients", "learning_rate": "1000"},
        {"_solver": "gradients", "loss": "hinge_loss"},
        {"_solver": "gradients", "wd": "10"},
        {},
    ],
    ids=str,
)
def test_a_model_is_never_worse_than_a_constant(given: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    random = np.random.default_rng(1)
    x, y = random.normal(size=(4000, 30)).astype(np.float32), (random.random(4000) < 0.01).astype(np.float32)
    caplog.set_level(logging.INFO)
    model = fit(x, y, epochs="2", mini_batch_size="20", **given)
    score = model.raw(x)[:, 0]
    if "loss" in given:
        assert np.mean(np.maximum(0, 1 - (2 * y - 1) * score)) <= 2 * y.mean() + 1e-5
    else:
        chance = np.full(len(y), np.log(y.mean() / (1 - y.mean())))
        assert weighted_loss(score, y, 1.0) <= weighted_loss(chance, y, 1.0) * (1 + 1e-5)
    if given.get("learning_rate"):
        assert "No model is better" in caplog.text


@pytest.mark.parametrize("label", ["squared_loss", "absolute_loss", "quantile_loss"])
def test_a_regressor_is_never_worse_than_a_constant(label: str) -> None:
    random = np.random.default_rng(2)
    x = random.normal(size=(5000, 5)).astype(np.float32)
    y = random.lognormal(0, 2, 5000).astype(np.float32)
    given = {"predictor_type": "regressor", "loss": label, "quantile": "0.9", "learning_rate": "1e5", "epochs": "1"}
    model = fit(x, y, **given)
    error = model.raw(x)[:, 0] - y
    best = {"squared_loss": np.mean(y), "absolute_loss": np.median(y), "quantile_loss": np.quantile(y, 0.9)}[label]
    losses = {
        "squared_loss": np.square,
        "absolute_loss": np.abs,
        "quantile_loss": lambda each: np.where(each > 0, 0.1 * each, -0.9 * each),
    }
    assert losses[label](error).mean() <= losses[label](best - y).mean() * 1.01


def test_curvature_that_a_sample_hides_is_found(caplog: pytest.LogCaptureFixture) -> None:
    """A feature that is 0 but for few rows, in which it is huge: the sample's second derivatives say nothing of it."""
    random = np.random.default_rng(3)
    x = random.normal(size=(ROWS, 5)).astype(np.float32)
    x[:, 4] = 0
    x[random.choice(ROWS, 8, replace=False), 4] = 1e4
    y = (x[:, 0] + np.sign(x[:, 4]) + random.logistic(size=ROWS) > 0).astype(np.float32)
    model = fit(x, y)
    peer = LogisticRegression(max_iter=2000).fit(x / np.maximum(x.std(axis=0), 1e-9), y)
    theirs = peer.decision_function(x / np.maximum(x.std(axis=0), 1e-9))
    assert weighted_loss(model.raw(x)[:, 0], y, 1.0) <= weighted_loss(theirs, y, 1.0) * 1.001


def test_an_average_of_a_rare_class_is_solved_for_with_all_rows(caplog: pytest.LogCaptureFixture) -> None:
    """Some rows tell the penalties and their shares; the models with these have learnt from all rows."""
    caplog.set_level(logging.INFO)
    random = np.random.default_rng(5)
    x = random.normal(size=(60_000, 30)).astype(np.float32)
    score = x[:, :8].sum(axis=1) / 2 - 6.5
    y = (random.random(len(x)) < 1 / (1 + np.exp(-score))).astype(np.float32)
    model = fit(x[:20_000], y[:20_000])
    assert caplog.text.count("Averaged") == 1
    said = model.raw(x[20_000:])[:, 0]
    peer = LogisticRegression(max_iter=1000).fit(x[:20_000], y[:20_000])
    theirs = peer.decision_function(x[20_000:])
    assert weighted_loss(said, y[20_000:], 1.0) < weighted_loss(theirs, y[20_000:], 1.0)


def test_penalties_of_separable_classes_are_tried_around_the_first(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    random = np.random.default_rng(6)
    x = random.normal(size=(6000, 8)).astype(np.float32)
    y = (x.sum(axis=1) * 8 + random.logistic(size=6000) > 0).astype(np.float32)
    model = fit(x[:3000], y[:3000])
    tried = re.search(r"Averaged (\d+) models", caplog.text)
    assert tried is not None
    assert 3 <= int(tried[1]) <= 12  # of 21
    peer = LogisticRegression(C=1e4, max_iter=1000).fit(x[:3000], y[:3000])
    assert weighted_loss(model.raw(x[3000:])[:, 0], y[3000:], 1.0) < 1.02 * weighted_loss(
        peer.decision_function(x[3000:]), y[3000:], 1.0
    )


def test_penalties_weaker_than_those_that_lose_are_not_solved_for(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(7)
    x = (random.random((700, 300)) < 0.05).astype(np.float32)
    y = (x[:, :10].sum(axis=1) + random.logistic(size=700) > 0.5).astype(np.float32)
    solved: list[float] = []
    minimise = quasi_newton.minimise

    def counted(objective: quasi_newton.Objective, *given: Any) -> Any:
        solved.append(objective.wd)
        return minimise(objective, *given)

    monkeypatch.setattr(quasi_newton, "minimise", counted)
    some = fit(x, y, sparse=True)
    few = len(solved)
    monkeypatch.setattr(held_out, "PAST", np.inf)
    solved.clear()
    all_ = fit(x, y, sparse=True)
    assert few < len(solved)
    assert np.corrcoef(some.raw(x)[:, 0], all_.raw(x)[:, 0])[0, 1] > 0.98
