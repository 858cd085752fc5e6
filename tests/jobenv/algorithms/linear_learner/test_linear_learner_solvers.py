"""Linear learner's solvers against scikit-learn's optima, and when they are used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.firstparty import artefact
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.lines import Lines
from sagewright.algorithms.firstparty.session import Session
from sagewright.algorithms.formats.table import Table
from sagewright.algorithms.job import Job
from sagewright.algorithms.linear_learner import conjugate, constant, losses, mix, newton, path, quasi_newton, selection
from sagewright.algorithms.linear_learner.declaration import DECLARATION
from sagewright.algorithms.linear_learner.learner import Examples, Weights
from sagewright.algorithms.linear_learner.mix import Mix
from sagewright.algorithms.linear_learner.model import LinearModel
from sagewright.algorithms.linear_learner.newton import Rows

RANDOM = np.random.default_rng(0)


def session(**given: str) -> Session:
    texts = {"predictor_type": "binary_classifier", **given}
    job = Job(Path(), "test", texts, {}, "algo-1", ("algo-1",), None)
    return Session(
        job, DECLARATION.validate_hyperparameters(texts), Lines("Linear Learner", "algo-1"), Group(), DECLARATION
    )


def penalties(*wds: float, positive: tuple[float, ...] = ()) -> Mix:
    nothing = np.zeros(len(wds), np.float32)
    weights = np.array(positive or [1.0] * len(wds), np.float32)
    return Mix(nothing, nothing, np.array(wds, np.float32), weights, nothing > 0)


def in_blocks(x: np.ndarray, y: np.ndarray) -> Rows:
    parts = [(x[start : start + 700], y[start : start + 700]) for start in range(0, len(x), 700)]
    return Rows(lambda: iter(parts), x.shape[1], len(x), use_bias=True)


def labelled(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    x = RANDOM.normal(size=(rows, columns)).astype(np.float32)
    x[:, 1] += 2 * x[:, 0]
    y = x @ RANDOM.normal(size=columns) + 0.7 + RANDOM.logistic(size=rows) > 0
    return x, y.astype(np.float32)


@pytest.mark.parametrize("use_bias", [True, False])
def test_least_squares_are_ridge_regressions(use_bias: bool) -> None:
    x = RANDOM.normal(1, 1, (3000, 8)).astype(np.float32)
    x[:, 7] = x[:, 6]  # without a penalty there is no one answer
    y = (x @ np.arange(8) + 3 + RANDOM.normal(size=3000)).astype(np.float32)
    rows = in_blocks(x, y)
    rows = Rows(rows.blocks, 8, 3000, use_bias)
    found, reached = newton.least_squares(rows, penalties(1e-3, 1.0, 0.0), 0.0, Group())
    for column, wd in enumerate((1e-3, 1.0)):
        peer = Ridge(alpha=wd * 3000 / 2, fit_intercept=use_bias).fit(x.astype(float), y)
        assert_allclose(found.features[:, column], peer.coef_, atol=2e-3)
        assert found.bias[column] == pytest.approx(peer.intercept_, abs=5e-3)
        assert reached[column] == pytest.approx(np.mean((peer.predict(x) - y) ** 2), rel=1e-3)
    assert np.isfinite(found.features).all()


@pytest.mark.parametrize(("use_bias", "decay"), [(True, 0.0), (True, 2.0), (False, 0.0)])
def test_fewer_rows_than_features_are_solved_for_by_the_rows(use_bias: bool, decay: float) -> None:
    x = RANDOM.normal(1, 1, (30, 50)).astype(np.float32)
    y = (x[:, :5] @ np.arange(5) + 3 + RANDOM.normal(size=30)).astype(np.float32)
    rows = Rows(in_blocks(x, y).blocks, 50, 30, use_bias)
    found, reached = newton.least_squares(rows, penalties(0.1, 2.0), decay, Group())
    wide = np.column_stack([x, np.full(30, float(use_bias))]).astype(np.float64)
    for column, wd in enumerate((0.1, 2.0)):
        held = np.diag([wd] * 50 + [wd * decay + (not use_bias)])
        expected = np.linalg.solve(2 * wide.T @ wide / 30 + held, 2 * wide.T @ y / 30)
        assert_allclose(found.features[:, column], expected[:-1], atol=1e-4)
        assert found.bias[column] == pytest.approx(expected[-1], abs=1e-4)
        assert reached[column] == pytest.approx(np.mean((wide @ expected - y) ** 2), rel=1e-3)


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("use_bias", [True, False])
def test_conjugate_gradients_end_at_ridge_regressions(sparse: bool, use_bias: bool) -> None:
    x = (RANDOM.normal(size=(400, 60)) * (RANDOM.random((400, 60)) < 0.2)).astype(np.float32)
    x[:, 0] *= 20
    x[:, 1] = 0
    y = (x @ RANDOM.normal(size=60) / 5 + 0.5 * use_bias + RANDOM.normal(size=400) / 5).astype(np.float32)
    held = np.tile([1e-2, 1.0], (61, 1))
    held[-1] = 0
    problem = conjugate.Problem(csr_matrix(x) if sparse else x, y, 400, use_bias, held)
    begun = Weights(np.zeros((60, 1), np.float32), np.zeros(1, np.float32))
    found, reached = conjugate.minimise(problem, begun, 500, Group())
    for column, wd in enumerate((1e-2, 1.0)):
        peer = Ridge(alpha=wd * 200, fit_intercept=use_bias).fit(x.astype(float), y)
        assert_allclose(found.features[:, column], peer.coef_, atol=2e-3)
        assert reached[column] == pytest.approx(np.mean((peer.predict(x) - y) ** 2), rel=1e-3)


@pytest.mark.parametrize("l1", [1e-6, 0.05, 0.5, 100.0])
def test_signs_are_guessed_until_they_are_the_optimums(l1: float) -> None:
    x = RANDOM.normal(size=(200, 40))
    x[:, 1] = x[:, 0] + 0.1 * x[:, 1]
    y = x[:, :8] @ RANDOM.normal(size=8) + RANDOM.normal(size=200)
    chosen = Mix(*(np.array([each], np.float32) for each in (0.0, l1, 0.1, 1.0, 0.0)))
    found, _ = newton.least_squares(in_blocks(x.astype(np.float32), y.astype(np.float32)), chosen, 0.0, Group())
    peer = ElasticNet(alpha=l1 / 2 + 0.05, l1_ratio=l1 / (l1 + 0.1), tol=1e-9, max_iter=100_000).fit(x, y)
    assert_allclose(found.features[:, 0], peer.coef_, atol=1e-4)
    assert np.count_nonzero(found.features) == np.count_nonzero(np.abs(peer.coef_) > 1e-9)


def test_the_constant_of_two_classes_is_their_odds() -> None:
    loss = losses.make(session().values)
    for counts, expected in (((30.0, 10.0), np.log(1 / 3)), ((5.0, 0.0), -30), ((0.0, 5.0), 30)):
        assert constant.score(loss, np.arange(2.0), np.array(counts))[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("sample", [4000, 1000])
def test_the_logistic_optimum_is_scikit_learns(sample: int) -> None:
    x, y = labelled(4000, 6)
    x[:, 5] = 0
    x[3990:, 5] = 1  # nothing that a sample would show
    chosen = slice(0, sample)
    problem = newton.Logistic(
        in_blocks(x, y), Examples(positive=np.array([1, 1, 3], np.float32)), penalties(1e-4, 0.1, 1e-3), 0.0, Group()
    )
    found, reached = problem.solve((x[chosen], y[chosen]), (sample / 4000, sample / 4000), np.zeros(3), 15, 1e-6)
    for column, (wd, weight) in enumerate(((1e-4, 1), (0.1, 1), (1e-3, 3))):
        peer = LogisticRegression(C=1 / (4000 * wd), tol=1e-8, max_iter=1000)
        peer.fit(x, y, sample_weight=np.where(y > 0, weight, 1))
        assert_allclose(found.features[:5, column], peer.coef_[0, :5], atol=0.01)
        assert found.features[5, column] == pytest.approx(peer.coef_[0, 5], abs=0.1)
        assert found.bias[column] == pytest.approx(peer.intercept_[0], abs=0.01)
        score = x @ peer.coef_[0] + peer.intercept_[0]
        expected = np.mean(np.where(y > 0, weight, 1) * (np.logaddexp(0, score) - y * score))
        assert reached[column] == pytest.approx(expected, rel=2e-3)


def test_classes_that_a_plane_divides_end_without_an_overflow() -> None:
    x = np.linspace(-1, 1, 500, dtype=np.float32)[:, None]
    y = (x[:, 0] > 0).astype(np.float32)
    problem = newton.Logistic(in_blocks(x, y), Examples(), penalties(0.0), 0.0, Group())
    found, reached = problem.solve((x, y), (1.0, 1.0), np.zeros(1), 15, 1e-3)
    assert np.isfinite(found.features).all()
    assert reached[0] < 0.02


@pytest.mark.parametrize("sparse", [False, True])
def test_the_softmax_optimum_is_scikit_learns(sparse: bool) -> None:
    x = RANDOM.normal(size=(2000, 5)).astype(np.float32) * (RANDOM.random((2000, 5)) < 0.5)
    y = (x @ RANDOM.normal(size=(5, 3)) + RANDOM.gumbel(size=(2000, 3))).argmax(axis=1).astype(np.float32)
    loss = losses.make(session(predictor_type="multiclass_classifier", num_classes="3").values)
    rows = csr_matrix(x) if sparse else x
    objective = quasi_newton.Objective(rows, y, None, loss, 2000, use_bias=True, wd=0.01, bias_wd=0.0)
    begun = Weights(np.zeros((5, 3), np.float32), np.zeros(3, np.float32))
    found, reached = quasi_newton.minimise(objective, begun, 200, Group())
    peer = LogisticRegression(C=1 / 20, tol=1e-8, max_iter=1000).fit(x, y)
    assert_allclose(found.features.T, peer.coef_, atol=2e-3)
    shares = peer.predict_proba(x)[np.arange(2000), y.astype(int)]
    assert reached == pytest.approx(-np.log(shares).mean(), abs=1e-4)


SETTINGS: list[tuple[dict[str, str], bool]] = [
    ({}, True),
    ({"epochs": "3", "wd": "0.1", "num_models": "4"}, True),
    ({"mini_batch_size": "100"}, False),
    ({"mini_batch_size": "80000"}, True),  # all rows: what the SDK sends where they are few
    ({"mini_batch_size": "1000", "use_lr_scheduler": "true", "init_scale": "0.070", "momentum": "auto"}, True),
    ({"use_lr_scheduler": "false"}, False),
    ({"early_stopping_patience": "4"}, False),
    ({"l1": "0"}, True),
    ({"l1": "0.1"}, True),
    ({"loss": "hinge_loss"}, True),
    ({"learning_rate": "0.1"}, False),
    ({"learning_rate": "auto"}, True),
    ({"optimizer": "adam"}, False),
    ({"_solver": "gradients"}, False),
    ({"optimizer": "adam", "_solver": "second_order"}, True),
]


class Held:
    """The attributes of a channel's rows that `path` uses."""

    def __init__(self, columns: int = 10, *, in_memory: bool = True, rows: int = 80_000) -> None:
        self.columns, self.in_memory = columns, in_memory
        self.table = Table(np.zeros((rows, 1), np.float32))


@pytest.mark.parametrize(("given", "solved"), SETTINGS)
def test_a_setting_of_gradients_asks_for_gradients(given: dict[str, str], solved: bool) -> None:
    run: Any = session(**given)
    loss = losses.make(run.values)
    rows: Any = Held()
    assert path.solves(run, rows, loss) == solved
    few: Any = Held(rows=800)
    at_once = given.get("_solver") == "gradients"
    assert path.solves(run, few, loss) != at_once  # gradients would not get anywhere in so few mini-batches
    if not given:
        for other in (Held(in_memory=False), Held(path.MOST_WEIGHTS + 1)):
            unsolved: Any = other
            assert not path.solves(run, unsolved, loss)


def test_what_no_solver_can_do_is_not_asked_of_it() -> None:
    run: Any = session(_solver="second_order", l1="0.1")
    rows: Any = Held(path.MOST_WEIGHTS)
    with pytest.raises(UserError, match="with an l1"):
        path.solves(run, rows, losses.make(run.values))


@pytest.mark.parametrize(
    ("given", "rows", "validated", "models"),
    [
        ({}, 1000, False, 1),
        ({}, 1000, True, 6),
        ({}, 100_000, True, 1),
        ({"num_models": "9"}, 1000, False, 9),
        ({"wd": "0.1", "num_models": "9"}, 1000, True, 1),
        ({"positive_example_weight_mult": "auto"}, 1000, False, 4),
        ({"positive_example_weight_mult": "auto"}, 1000, True, 24),
        ({"_tuning_objective_metric": "validation:objective_loss"}, 1000, True, 1),
    ],
)
def test_as_many_models_as_can_help(given: dict[str, str], rows: int, validated: bool, models: int) -> None:
    made = path.make(session(**given).values, 10, rows, 3.0, validated)
    assert made.models == models
    assert len({(float(wd), float(weight)) for wd, weight in zip(made.wd, made.positive_weight, strict=True)}) == models
    assert made.wd[0] == pytest.approx(float(given.get("wd", 1 / rows)) if "num_models" not in given else made.wd[0])


def test_a_threshold_that_gains_nothing_is_left_at_zero() -> None:
    values = session(binary_classifier_model_selection_criteria="f1").values
    raw, y = np.array([-5, -4, 1, 2], np.float32), np.array([0, 0, 1, 1], np.float32)
    assert selection.threshold(raw, y, values) == 0.0
    assert selection.threshold(raw + 10, y, values) == 8.5
    assert mix.positive_weights(session(positive_example_weight_mult="balanced").values, 3.0) == (3.0,)


def test_two_hosts_classify_as_one_does(make_job: Callable[[str], Any], run: Any, together: Any) -> None:
    x, y = labelled(3000, 6)
    content = [b"%d,%s\n" % (label, ",".join(map(str, row)).encode()) for label, row in zip(y, x, strict=True)]
    settings = {"predictor_type": "binary_classifier", "num_models": "3"}
    alone = make_job("alone").configure(settings, {"train": "text/csv"})
    alone.put("train", "part", b"".join(content))
    assert run(alone, "linear-learner") == 0, alone.output
    hosts = ("127.0.0.1", "127.0.0.2")
    jobs = [make_job(host).configure(settings, {"train": "text/csv"}, hosts=hosts, current=host) for host in hosts]
    for job, part in zip(jobs, (slice(0, 500), slice(500, 3000)), strict=True):
        job.put("train", "part", b"".join(content[part]))
    together(jobs, "linear-learner")
    one, two = (LinearModel.decode(artefact.read(each.model)) for each in (alone, jobs[0]))
    assert_allclose(one.weights, two.weights, atol=1e-3)
    assert_allclose(one.bias, two.bias, atol=1e-3)


def test_two_hosts_find_by_conjugate_gradients_what_one_finds(
    make_job: Callable[[str], Any], run: Any, together: Any
) -> None:
    x = RANDOM.normal(size=(300, 1030)).round(3)
    y = (x[:, :3].sum(axis=1) + RANDOM.normal(size=300) / 10).round(3)
    content = [b"%s\n" % ",".join(map(str, [label, *row])).encode() for label, row in zip(y, x, strict=True)]
    settings = {"predictor_type": "regressor", "wd": "0.1"}
    alone = make_job("alone").configure(settings, {"train": "text/csv"})
    alone.put("train", "part", b"".join(content))
    assert run(alone, "linear-learner") == 0, alone.output
    hosts = ("127.0.0.1", "127.0.0.2")
    jobs = [make_job(host).configure(settings, {"train": "text/csv"}, hosts=hosts, current=host) for host in hosts]
    for job, part in zip(jobs, (slice(0, 100), slice(100, 300)), strict=True):
        job.put("train", "part", b"".join(content[part]))
    together(jobs, "linear-learner")
    one, two = (LinearModel.decode(artefact.read(each.model)) for each in (alone, jobs[0]))
    assert_allclose(one.weights, two.weights, atol=1e-3)
