"""Linear learner's losses, scales, thresholds and scores, each against its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn import metrics

from sagewright.algorithms.firstparty import scores
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.formats.table import Sparse, Table
from sagewright.algorithms.linear_learner import losses, mix, scaling, selection
from sagewright.algorithms.linear_learner.declaration import DECLARATION
from sagewright.algorithms.linear_learner.rules import LOSSES

RANDOM = np.random.default_rng(0)


def values(**given_: str) -> dict[str, Any]:
    return DECLARATION.validate_hyperparameters({"predictor_type": "binary_classifier", **given_})


@pytest.mark.parametrize(("predictor", "name"), [(each, name) for each, names in LOSSES.items() for name in names])
def test_a_gradient_is_the_slope_of_its_loss(predictor: str, name: str) -> None:
    loss = losses.make(values(predictor_type=predictor, loss=name, num_classes="3", quantile="0.3"))
    count, models = 200, 2
    z = RANDOM.normal(0, 2, (count, models * loss.classes))
    y = RANDOM.normal(size=count) if predictor == "regressor" else RANDOM.integers(0, max(loss.classes, 2), count)
    y = y.astype(np.float64)
    _, slope = loss(z, y)
    for column in range(z.shape[1]):
        step = np.zeros(z.shape[1])
        step[column] = 1e-6
        high, low = (loss(each, y)[0][:, column // loss.classes] for each in (z + step, z - step))
        numeric = (high - low) / 2e-6
        smooth = np.isclose(loss(z + 10 * step, y)[1][:, column], slope[:, column], atol=1e-4)  # not at a kink
        assert smooth.mean() > 0.9
        assert_allclose(numeric[smooth], slope[smooth, column], atol=1e-4)


def test_the_quantile_is_what_its_loss_is_least_at() -> None:
    y = RANDOM.exponential(size=20000)
    loss = losses.make(values(predictor_type="regressor", loss="quantile_loss", quantile="0.9"))
    points = np.linspace(0, 5, 501)
    best = points[loss(np.tile(points, (len(y), 1)), y)[0].mean(axis=0).argmin()]
    assert best == pytest.approx(np.quantile(y, 0.9), abs=0.02)


@pytest.mark.parametrize("rows", [1, 50])
def test_the_loss_of_several_classes_leaves_scores_as_they_are(rows: int) -> None:
    z = RANDOM.normal(size=(rows, 6)).astype(np.float32)
    y = RANDOM.integers(0, 3, rows)
    given_ = z.copy()
    loss, slope = losses.softmax(z, y, 3)
    assert (z == given_).all()
    for model in (0, 1):
        own = z[:, 3 * model : 3 * model + 3].astype(np.float64)
        chances = np.exp(own) / np.exp(own).sum(axis=1, keepdims=True)
        assert_allclose(loss[:, model], -np.log(chances[np.arange(rows), y]), rtol=1e-4, atol=1e-6)
        assert_allclose(slope[:, 3 * model : 3 * model + 3], chances - np.eye(3)[y], atol=1e-5)


def test_scores_beyond_what_a_float_holds_have_finite_losses() -> None:
    z = np.array([[-1e30], [-200], [200], [1e30]], np.float32)
    for y in (np.zeros(4, np.float32), np.ones(4, np.float32)):
        loss, slope = losses.logistic(z, y)
        assert np.isfinite(loss).all()
        assert np.isfinite(slope).all()


@pytest.mark.parametrize("sparse", [False, True])
def test_raw_weights_say_what_scaled_ones_say(sparse: bool) -> None:
    rows = RANDOM.normal(50, 3, (300, 4)).astype(np.float32)
    rows[:, 2] = 7
    features: Any = rows
    if sparse:
        full = np.arange(0, 301 * 4, 4)[:301]
        features = Sparse(full, np.tile(np.arange(4), 300), rows.ravel(), 4)
    table = Table(features, rows[:, 0] * 2 + 5)
    scaler = scaling.fit(table, table, values(predictor_type="regressor"), Group())
    assert (scaler.shift is None) == sparse
    scaled = scaler.features(features)
    weights, bias = RANDOM.normal(size=(4, 2)).astype(np.float32), np.array([1, -1], np.float32)
    raw, moved = scaler.raw(weights, bias)
    expected = (scaled @ weights + bias) * scaler.label_scale + scaler.label_shift
    assert_allclose(rows.astype(np.float64) @ raw + moved, expected, rtol=1e-3, atol=1e-2)
    if not sparse:
        assert_allclose(scaled.std(axis=0), [1, 1, 0, 1], atol=1e-3)
        assert_allclose(scaler.labels(table.labels).std(), 1, atol=1e-3)


def test_decorrelated_columns_are_uncorrelated() -> None:
    rows = (RANDOM.normal(size=(5000, 3)) @ np.array([[1, 0.9, 0], [0, 0.3, 0], [0, 0, 2]])).astype(np.float32)
    turned = rows @ scaling.decorrelation(rows, Group())
    assert_allclose(np.cov(turned.T), np.eye(3), atol=0.05)


@pytest.mark.parametrize(
    ("changes", "models"),
    [({}, 32), ({"num_models": "5"}, 5), ({"_tuning_objective_metric": "validation:objective_loss"}, 1)],
)
def test_the_number_of_models(changes: dict[str, str], models: int) -> None:
    made = mix.make(values(**changes), mix.Task(10))
    assert made.models == models
    settings = {tuple(float(column[number]) for column in vars(made).values()) for number in range(models)}
    assert len(settings) == models


def test_a_mix_holds_what_the_user_fixed() -> None:
    made = mix.make(
        values(l1="0.1", wd="0.2", learning_rate="0.3", positive_example_weight_mult="4"), mix.Task(10, balanced=3.0)
    )
    for column, expected in ((made.l1, 0.1), (made.wd, 0.2), (made.learning_rate, 0.3), (made.positive_weight, 4)):
        assert_allclose(column, expected)
    assert not made.decorrelated.any()
    balanced = mix.make(values(positive_example_weight_mult="balanced"), mix.Task(10, balanced=3.0))
    assert set(balanced.positive_weight) == {3.0}


def test_models_are_fewer_where_they_would_not_fit() -> None:
    assert mix.make(values(), mix.Task(1_000_000, dense=False)).models == 32
    assert mix.make(values(), mix.Task(1_000_000, 100, dense=False)).models == 1


CRITERIA = {
    "accuracy": metrics.accuracy_score,
    "f1": lambda y, p: metrics.f1_score(y, p, zero_division=0),
    "f_beta": lambda y, p: metrics.fbeta_score(y, p, beta=2, zero_division=0),
    "precision_at_target_recall": lambda y, p: (
        metrics.precision_score(y, p, zero_division=0) if metrics.recall_score(y, p, zero_division=0) >= 0.8 else 0
    ),
    "recall_at_target_precision": lambda y, p: (
        metrics.recall_score(y, p, zero_division=0) if metrics.precision_score(y, p, zero_division=0) >= 0.8 else 0
    ),
}


@pytest.mark.parametrize("criterion", CRITERIA)
@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=1, max_size=30))
def test_no_threshold_is_better_than_the_chosen_one(criterion: str, drawn: list[tuple[int, bool]]) -> None:
    raw, y = np.array([each for each, _ in drawn], np.float32), np.array([label for _, label in drawn], np.float32)
    settings = values(binary_classifier_model_selection_criteria=criterion, f_beta="2")
    measure = CRITERIA[criterion]
    chosen = measure(y, (raw >= selection.threshold(raw, y, settings)).astype(int))
    best = max(measure(y, (raw >= cut).astype(int)) for cut in np.arange(-5.5, 7))
    assert chosen == pytest.approx(best)


def best(raw: np.ndarray, y: np.ndarray, losses: np.ndarray, penalty: np.ndarray, settings: Any) -> int:
    return selection.best_binary(selection.Judged(raw, y, losses, losses.mean(axis=0), penalty), settings)


def test_the_model_with_the_best_criterion_is_chosen() -> None:
    y = RANDOM.integers(0, 2, 2000).astype(np.float32)
    raw = np.column_stack([RANDOM.normal(size=2000), y * 3 + RANDOM.normal(size=2000), y + RANDOM.normal(size=2000)])
    near = np.column_stack([raw[:, 1], raw[:, 1] + RANDOM.normal(0, 0.01, 2000)])
    same = np.tile(RANDOM.exponential(size=(2000, 1)), 2)
    better = same - RANDOM.exponential(0.1, (2000, 1)) * [0, 1]
    noise = same + RANDOM.normal(0, 1, (2000, 1)) * [0, 1]
    assert best(near, y, better, np.array([0.1, 0]), values()) == 1  # chance tells them apart, the loss does not
    assert best(near, y, noise, np.array([0.1, 0]), values()) == 0  # both by chance: the simpler one
    for criterion in ("accuracy", "f1", "precision_at_target_recall", "recall_at_target_precision"):
        settings = values(binary_classifier_model_selection_criteria=criterion)
        assert best(raw, y, np.zeros((2000, 3)), np.zeros(3), settings) == 1
    by_loss = values(binary_classifier_model_selection_criteria="loss_function")
    assert best(raw, y, np.tile([3.0, 2, 1], (2000, 1)), np.zeros(3), by_loss) == 2


def test_scores_are_scikit_learns() -> None:
    y = RANDOM.integers(0, 2, 500)
    raw = np.round(y + RANDOM.normal(size=500), 1)
    predicted = (raw > 0.5).astype(int)
    found = scores.binary(raw, predicted, y, 2.0)
    assert found == pytest.approx(
        {
            "binary_classification_accuracy": metrics.accuracy_score(y, predicted),
            "precision": metrics.precision_score(y, predicted),
            "recall": metrics.recall_score(y, predicted),
            "binary_f_2.000": metrics.fbeta_score(y, predicted, beta=2),
            "roc_auc_score": metrics.roc_auc_score(y, raw),
        }
    )
    classes = RANDOM.integers(0, 4, 500)
    shares = RANDOM.dirichlet(np.ones(4), 500) + np.eye(4)[classes] * 0.3
    many = scores.multiclass(shares, classes, 2, 1.0)
    said = shares.argmax(axis=1)
    place = 1 + (shares > shares[np.arange(500), classes][:, None]).sum(axis=1)
    assert many == pytest.approx(
        {
            "multiclass_accuracy": metrics.accuracy_score(classes, said),
            "multiclass_top_k_accuracy_2": float(np.mean(place <= 2)),
            "dcg": float(np.mean(1 / np.log2(place + 1))),
            "macro_recall": metrics.recall_score(classes, said, average="macro"),
            "macro_precision": metrics.precision_score(classes, said, average="macro"),
            "macro_f_1.000": metrics.f1_score(classes, said, average="macro"),
        }
    )
