"""Factorization machines: gradients and draws against their definitions, and whole trainings on ratings with a known structure."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csc_matrix, csr_matrix, hstack
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.factorization_machines import gibbs, held_out, kernel, mean, training, units
from sagewright.algorithms.factorization_machines.blocks import blocks, variables
from sagewright.algorithms.factorization_machines.declaration import DECLARATION
from sagewright.algorithms.factorization_machines.descent import FactorizationLearner
from sagewright.algorithms.factorization_machines.model import Machine, MachineModel
from sagewright.algorithms.factorization_machines.task import Length, Task
from sagewright.algorithms.factorization_machines.variable import Variable
from sagewright.algorithms.firstparty import artefact, ndarray
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.logistic import probability
from sagewright.algorithms.formats import record, recordio
from sagewright.algorithms.formats.record import Tensor

NAME = "factorization-machines"
PROTOBUF = "application/x-recordio-protobuf"
USERS, ITEMS = 150, 80


def ratings(count: int = 12000) -> tuple[Any, np.ndarray]:
    """One-hot users and items, (n, 230), and ratings that two hidden tastes explain, (n,)."""
    random = np.random.default_rng(0)
    user, item = random.integers(0, USERS, count), random.integers(0, ITEMS, count)
    taste, kind = random.normal(size=(USERS, 2)), random.normal(size=(ITEMS, 2))
    y = 3 + random.normal(0, 0.5, USERS)[user] + np.einsum("ij,ij->i", taste[user], kind[item])
    y += random.normal(0, 0.5, count)
    indices = np.column_stack([user, USERS + item]).ravel()
    x = csr_matrix(
        (np.ones(2 * count, np.float32), indices, np.arange(0, 2 * count + 1, 2)), shape=(count, USERS + ITEMS)
    )
    return x, y.astype(np.float32)


X, Y = ratings()
SPLIT = 10000


def protobuf(x: Any, y: np.ndarray) -> bytes:
    return recordio.write_frames(
        record.encode(
            {"values": Tensor(row.data.astype(np.float32), row.indices.astype(np.int64), (x.shape[1],))},
            {"values": Tensor(np.array([label], np.float32))},
        )
        for row, label in zip(x, y, strict=True)
    )


def values(**given: str) -> dict[str, Any]:
    known = {"feature_dim": str(X.shape[1]), "num_factors": "4", "predictor_type": "regressor"}
    return DECLARATION.validate_hyperparameters({**known, **given})


def fit(job: Any, run: Any, y: np.ndarray, **given: str) -> MachineModel:
    known = {"feature_dim": str(X.shape[1]), "num_factors": "4", "predictor_type": "regressor", **given}
    job.configure(known, {"train": PROTOBUF, "test": PROTOBUF})
    job.put("train", "part", protobuf(X[:SPLIT], y[:SPLIT]))
    job.put("test", "part", protobuf(X[SPLIT:], y[SPLIT:]))
    assert run(job, NAME) == 0, job.output
    return MachineModel.decode(artefact.read(job.model))


def rmse(predicted: np.ndarray, y: np.ndarray = Y[SPLIT:]) -> float:
    return float(np.sqrt(np.mean((predicted - y) ** 2)))


def logged(job: Any, part: str, name: str) -> float:
    found = re.findall(rf"#quality_metric: host=\S+, {part} {re.escape(name)} <\w+>=(\S+)", job.output)
    return float(found[-1])


@pytest.mark.parametrize("sparse", [False, True])
def test_a_machine_is_what_its_formula_says(sparse: bool) -> None:
    random = np.random.default_rng(0)
    x = (random.random((30, 6)) < 0.5) * random.normal(size=(30, 6))
    machine = Machine(0.5, random.normal(size=6), random.normal(size=(6, 3)))
    pairs = machine.factors @ machine.factors.T
    expected = [
        0.5 + row @ machine.linear + sum(pairs[i, j] * row[i] * row[j] for i in range(6) for j in range(i)) for row in x
    ]
    assert_allclose(machine.raw(csr_matrix(x) if sparse else x), expected)


@pytest.mark.parametrize("predictor", ["regressor", "binary_classifier"])
def test_gradients_are_the_slopes_of_the_loss(predictor: str) -> None:
    learner = FactorizationLearner(values(predictor_type=predictor, factors_init_sigma="0.3"), 0)
    x, y = X[:50], (Y[:50] > 3).astype(np.float32)
    for part in (learner.bias, learner.linear, learner.factors):
        part.values = part.values.astype(np.float64)

    def loss() -> float:
        raw = learner.machine().raw(x)
        if predictor == "regressor":
            return float(np.sum((raw - y) ** 2) / 2)
        return float(-np.sum(np.log(np.where(y == 1, probability(raw), 1 - probability(raw)))))

    active = np.arange(x.shape[1])
    _, slopes = learner._slopes(x, y, active)
    for part, slope in zip((learner.bias, learner.linear, learner.factors), slopes, strict=True):
        for place in [(0, 0), (part.values.shape[0] // 3, part.values.shape[1] - 1)]:
            before = part.values[place]
            part.values[place] = before + 1e-5
            high = loss()
            part.values[place] = before - 1e-5
            low = loss()
            part.values[place] = before
            assert (high - low) / 2e-5 == pytest.approx(slope[place], rel=1e-3, abs=1e-3)


def test_only_features_that_occur_are_touched() -> None:
    learner = FactorizationLearner(values(), 0)
    before = learner.factors.values.copy()
    learner.step(X[:20], Y[:20], Group())
    moved = np.flatnonzero((learner.factors.values != before).any(axis=1))
    assert set(moved) == set(X[:20].indices)


def test_one_hot_bothare_blocks_of_priors() -> None:
    starts = variables(X, 32, Group())
    assert starts is not None
    assert starts.tolist() == [0, USERS]
    assert blocks(starts, USERS + ITEMS).tolist() == [0] * USERS + [1] * ITEMS
    assert blocks(np.array([0, 3, 100, 104]), 110).tolist() == [1] * 3 + [0] * 97 + [1] * 10  # few values share a prior
    assert variables(csr_matrix(np.ones((5, 100))), 32, Group()) is None
    assert set(blocks(None, 100)) == {0}
    empty = variables(csr_matrix((3, 4)), 32, Group())
    assert empty is not None
    assert empty.tolist() == [0]


def drawn(weights: np.ndarray, prior: np.ndarray, x: np.ndarray, y: np.ndarray, product: np.ndarray) -> np.ndarray:
    """One sweep over dense columns: the errors after it."""
    by_column = csc_matrix(x)
    columns = by_column.indptr.astype(np.int64), by_column.indices, by_column.data.astype(np.float32)
    error = (Machine(0.0, weights[:, 0], weights[:, 1:]).raw(csr_matrix(x)) - y).astype(np.float32)
    kernel.sweep(columns, (error, product, weights), prior.astype(np.float32), 1.0)
    return error


def test_draws_of_weights_have_the_posterior_of_bayesian_regression() -> None:
    """With known precisions the linear weight of one column is normal with the mean and deviation of the textbook."""
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 1))
    y = 2 * x[:, 0] + random.normal(size=200)
    found = []
    for _ in range(4000):
        weights = np.zeros((1, 1), np.float32)
        error = drawn(weights, np.array([[[3.0, 1.0, random.normal()]]]), x, y, np.zeros((200, 0), np.float32))
        found.append(float(weights[0, 0]))
        assert_allclose(error, x[:, 0] * weights[0, 0] - y, atol=1e-4)
    precision = 3 + float(x[:, 0] @ x[:, 0])
    assert np.mean(found) == pytest.approx((3 + float(x[:, 0] @ y)) / precision, abs=0.005)
    assert np.std(found) == pytest.approx(precision**-0.5, rel=0.05)


def test_draws_of_factors_have_the_posterior_given_the_other_column() -> None:
    """One factor, and another column whose factor hardly moves: the slope of the first is a regression on their product."""
    random = np.random.default_rng(1)
    x = random.normal(size=(300, 2))
    y = 1.5 * x[:, 0] * x[:, 1] + random.normal(size=300)
    found = []
    fixed = [[1e12, 0.0, 0.0], [1e12, 0.5, 0.0]]
    for _ in range(3000):
        weights = np.array([[0, 0.1], [0, 0.5]], np.float32)
        prior = np.array([[[1e12, 0, 0], [2.0, 1.0, random.normal()]], fixed])
        product = (x @ weights[:, 1:]).astype(np.float32)
        drawn(weights, prior, x, y, product)
        assert_allclose(product, x @ weights[:, 1:], atol=1e-4)
        found.append(float(weights[0, 1]))
    h = 0.5 * x[:, 0] * x[:, 1]
    precision = 2 + float(h @ h)
    assert np.mean(found) == pytest.approx((2 + float(h @ y)) / precision, abs=0.01)
    assert np.std(found) == pytest.approx(precision**-0.5, rel=0.05)


def sampler(count: int, factors: int = 3, **given: Any) -> gibbs.Sampler:
    task = Task(X[:count], Y[:count], factors, binary=False, starts=variables(X, 32, Group()), **given)
    return gibbs.Sampler(task, 0)


def test_the_chain_keeps_the_errors_of_its_machine() -> None:
    chain = sampler(2000)
    for _ in range(5):
        chain.sweep()
    kept, product = chain.error.copy(), chain.product.copy()
    chain.refresh()
    assert_allclose(kept, chain.error, atol=1e-3)
    assert_allclose(product, chain.product, atol=1e-3)


def test_a_variable_drawn_at_once_is_one_drawn_column_by_column() -> None:
    one, two = sampler(3000), sampler(3000)
    prior = one.priors.draw(one.weights, one.random, 1.0)
    kernel.sweep(one.columns, (one.error, one.product, one.weights), prior, 2.0)
    # A column's weights depend on no other column of its variable: the order in which they are drawn makes no difference.
    both = [Variable(two.columns, 0, USERS), Variable(two.columns, USERS, USERS + ITEMS)]
    for each in both:
        each.draw((two.error, two.product, two.weights), prior, 2.0, Group())
    assert_allclose(one.weights, two.weights, atol=1e-3)
    kept = two.error.copy()
    two.refresh()
    assert_allclose(kept, two.error, atol=1e-3)


def test_columns_in_other_units_make_the_same_machine() -> None:
    random = np.random.default_rng(0)
    numbers = np.column_stack([random.normal(2000, 10, 500), random.lognormal(8, 2, 500), random.normal(3, 1, 500)])
    x = csr_matrix(np.column_stack([np.eye(5)[random.integers(0, 5, 500)], numbers, random.random(500) < 0.1]))
    unit = units.fit(x, Group())
    assert (unit.centre != 0).tolist() == [False] * 5 + [True] * 3 + [False]
    scaled = unit.apply(x)
    assert_allclose(scaled.toarray()[:, 5:8].std(axis=0), 1, atol=1e-4)
    machine = Machine(0.5, random.normal(size=9).astype(np.float32), random.normal(0, 0.3, (9, 2)).astype(np.float32))
    assert_allclose(unit.raw(machine).raw(x.astype(np.float64)), machine.raw(scaled), rtol=0.01, atol=0.05)


@pytest.mark.parametrize("compiling_s", [0.0, 1e9])
def test_hidden_tastes_are_found_without_any_setting(
    job: Any, run: Any, monkeypatch: pytest.MonkeyPatch, compiling_s: float
) -> None:
    monkeypatch.setattr(training, "COMPILING_S", compiling_s)
    model = fit(job, run, Y)
    ours = rmse(model.machine.raw(X[SPLIT:]))
    assert model.machine.factors.shape == (USERS + ITEMS, 4)
    assert ours < 0.54  # the noise is 0.5
    assert ours < rmse(Ridge().fit(X[:SPLIT], Y[:SPLIT]).predict(X[SPLIT:])) - 0.5
    assert logged(job, "test", "rmse") == pytest.approx(ours, rel=1e-5)
    assert "Solver: mcmc" in job.output


def test_settings_of_gradients_make_it_descend(job: Any, run: Any) -> None:
    model = fit(
        job, run, Y, factors_lr="0.01", linear_lr="0.01", factors_init_sigma="0.1", epochs="40", mini_batch_size="200",
        factors_wd="0.0001",
    )  # fmt: skip
    assert "Solver: adam" in job.output
    assert model.machine.factors.shape == (USERS + ITEMS, 4)
    assert rmse(model.machine.raw(X[SPLIT:])) < 0.62
    assert "epoch=0, batch=0 train rmse <loss>=" in job.output
    assert "completed 100 % of epochs" in job.output


@pytest.mark.parametrize("solver", ["mcmc", "adam"])
def test_a_binary_classifier_knows_its_chances(job: Any, run: Any, solver: str) -> None:
    random = np.random.default_rng(1)
    labels = (Y - 3 + random.logistic(0, 0.5, len(Y)) > 0).astype(np.float32)
    descent = {"factors_lr": "0.01", "epochs": "30", "mini_batch_size": "200", "factors_init_sigma": "0.1"}
    model = fit(
        job, run, labels, predictor_type="binary_classifier", _solver=solver, **(descent if solver == "adam" else {})
    )
    score = probability(model.machine.raw(X[SPLIT:]))
    assert (
        roc_auc_score(labels[SPLIT:], score) > {"mcmc": 0.83, "adam": 0.8}[solver]
    )  # labels are drawn: 0.86 is perfect
    if solver == "mcmc":
        for low in (0.0, 0.25, 0.5, 0.75):
            said = (score >= low) & (score < low + 0.25)
            assert labels[SPLIT:][said].mean() == pytest.approx(score[said].mean(), abs=0.06)
    assert logged(job, "test", "binary_classification_accuracy") > 0.7


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("uniform", {"factors_init_scale": "0.5"}),
        ("normal", {"factors_init_sigma": "0.5"}),
        ("constant", {"factors_init_value": "0.5"}),
    ],
)
def test_factors_begin_as_asked(method: str, given: dict[str, str]) -> None:
    drawn = FactorizationLearner(values(factors_init_method=method, num_factors="50", **given), 0).factors.values
    spread = {"uniform": 0.5 / 3**0.5, "normal": 0.5, "constant": 0.0}[method]
    assert drawn.std() == pytest.approx(spread, abs=0.02)
    assert drawn.mean() == pytest.approx(0.5 if method == "constant" else 0, abs=0.02)


@pytest.mark.sampled(1, of="hosts of factorization machines")
def test_two_hosts_learn_what_one_learns(make_job: Callable[[str], Any], run: Any, together: Any) -> None:
    hosts = ("127.0.0.1", "127.0.0.2")
    jobs = [make_job(host) for host in hosts]
    given = {
        "feature_dim": str(X.shape[1]), "num_factors": "4", "predictor_type": "regressor", "factors_lr": "0.01",
        "factors_init_sigma": "0.1", "epochs": "10", "mini_batch_size": "100",
    }  # fmt: skip
    for number, job in enumerate(jobs):
        job.configure(given, {"train": PROTOBUF}, hosts=hosts, current=hosts[number])
        part = slice(0, 4000) if number == 0 else slice(4000, SPLIT)
        job.put("train", "part", protobuf(X[part], Y[part]))
    together(jobs, NAME)
    alone = fit(make_job("alone"), run, Y, **{**given, "mini_batch_size": "200"})
    both = MachineModel.decode(artefact.read(jobs[0].model))
    assert rmse(both.machine.raw(X[SPLIT:])) == pytest.approx(rmse(alone.machine.raw(X[SPLIT:])), rel=0.05)


@pytest.mark.sampled(1, of="hosts of factorization machines")
@pytest.mark.parametrize("predictor", ["regressor", "binary_classifier"])
def test_two_hosts_sample_as_well_as_one(make_job: Callable[[str], Any], together: Any, predictor: str) -> None:
    hosts = ("127.0.0.1", "127.0.0.2")
    jobs = [make_job(host) for host in hosts]
    labels = Y if predictor == "regressor" else (Y > 3).astype(np.float32)
    given = {"feature_dim": str(X.shape[1]), "num_factors": "4", "predictor_type": predictor}
    order = np.argsort(X[:SPLIT].indices[::2], kind="stable")  # a host has some users, and none of the others
    for number, job in enumerate(jobs):
        job.configure(given, {"train": PROTOBUF}, hosts=hosts, current=hosts[number])
        part = order[:3000] if number == 0 else order[3000:]
        job.put("train", "part", protobuf(X[part], labels[part]))
    together(jobs, NAME)
    assert "Solver: mcmc" in jobs[0].output
    found = MachineModel.decode(artefact.read(jobs[0].model)).machine.raw(X[SPLIT:])
    if predictor == "regressor":
        assert rmse(found) < 0.54
    else:
        assert roc_auc_score(labels[SPLIT:], found) > 0.93  # one host has .934 to .936


@pytest.mark.parametrize(
    "given",
    [
        {"mini_batch_size": "300"},
        {"factors_wd": "0.0001"},
        {"linear_lr": "0.05"},
        {"factors_init_sigma": "0.1", "epochs": "20"},
        {"_solver": "adam"},
    ],
    ids=str,
)
def test_what_the_job_leaves_open_of_gradients_is_chosen(job: Any, run: Any, given: dict[str, str]) -> None:
    model = fit(job, run, Y, **given)
    assert "Solver: adam" in job.output
    assert rmse(model.machine.raw(X[SPLIT:])) < 0.66


@pytest.mark.parametrize("scale", [1e-3, 1e5])
@pytest.mark.parametrize("solver", ["mcmc", "adam"])
def test_labels_of_any_size_are_learnt(job: Any, run: Any, scale: float, solver: str) -> None:
    model = fit(job, run, Y * np.float32(scale), _solver=solver)
    assert rmse(model.machine.raw(X[SPLIT:]) / scale) < {"mcmc": 0.55, "adam": 0.66}[solver]


def test_numbers_far_from_zero_say_what_they_say_near_it(job: Any, run: Any) -> None:
    random = np.random.default_rng(0)
    numbers = random.normal(size=(len(Y), 2))
    x = hstack([X, csr_matrix(numbers * [10, 1e4] + [2000, -3e4])]).tocsr()
    x.sort_indices()
    y = Y + numbers @ [1, -1] + numbers[:, 0] * (X.indices[::2] % 2)
    given = {"feature_dim": str(x.shape[1]), "num_factors": "4", "predictor_type": "regressor"}
    job.configure(given, {"train": PROTOBUF})
    job.put("train", "part", protobuf(x[:SPLIT], y[:SPLIT]))
    assert run(job, NAME) == 0, job.output
    found = MachineModel.decode(artefact.read(job.model)).machine.raw(x[SPLIT:])
    assert rmse(found, y[SPLIT:]) < 0.6


def test_sweeps_are_fewer_where_there_is_more_to_do(monkeypatch: pytest.MonkeyPatch, job: Any, run: Any) -> None:
    monkeypatch.setattr(training, "MOST_UPDATES", 30 * 4 * 2 * SPLIT)
    model = fit(job, run, Y)
    assert "Gibbs sampling: 24 sweeps after 6" in job.output
    assert rmse(model.machine.raw(X[SPLIT:])) < 0.58
    assert "Gibbs sampling: 7 sweeps" in fit_log(job, run, epoch="7")


def fit_log(job: Any, run: Any, **given: str) -> str:
    fit(job, run, Y, **given)
    return str(job.output)


def test_labels_of_a_binary_classifier_are_0_or_1(job: Any, run: Any) -> None:
    job.configure(
        {"feature_dim": "230", "num_factors": "4", "predictor_type": "binary_classifier"}, {"train": PROTOBUF}
    )
    job.put("train", "part", protobuf(X[:3], np.array([0, 1, 2])))
    assert run(job, NAME) == 2
    assert "row 2: label 2" in job.failure


def test_csv_is_refused(job: Any, run: Any) -> None:
    job.configure({"feature_dim": "2", "num_factors": "1", "predictor_type": "regressor"}, {"train": "text/csv"})
    job.put("train", "part", b"1,2,3\n")
    assert run(job, NAME) == 2
    assert "text/csv" in job.failure


def test_the_artefact_holds_mxnets_arrays(job: Any, run: Any) -> None:
    fit(job, run, Y, factors_lr="0.01")
    with zipfile.ZipFile(job.model / "model_algo-1") as archive:
        assert set(archive.namelist()) == {"symbol.json", "params"}
        arrays = ndarray.decode(archive.read("params"))
    assert isinstance(arrays, dict)
    assert {name: each.shape for name, each in arrays.items()} == {
        "arg:w0_weight": (1, 1), "arg:w1_weight": (230, 1), "arg:v": (230, 4),
    }  # fmt: skip


def test_a_model_of_ones_own_is_served() -> None:
    arrays = {
        "v": np.eye(2, dtype=np.float32),
        "w1_weight": np.ones((2, 1), np.float32),
        "w0_weight": np.ones(1, np.float32),
    }
    members = {"symbol.json": b'{"nodes": [{"op": "LinearRegressionOutput"}]}', "params": ndarray.encode(arrays)}
    model = MachineModel.decode(artefact.zipped(members))
    assert model.predict(np.array([[2, 3]], np.float32))["score"].tolist() == [6]
    with pytest.raises(UserError, match="no array w1_weight"):
        MachineModel.decode(
            artefact.zipped({**members, "params": ndarray.encode({"v": arrays["v"], "w0_weight": arrays["v"]})})
        )


def test_a_few_held_out_rows_do_not_shrink_a_machine_by_chance() -> None:
    random = np.random.default_rng(2)
    truth = random.normal(size=17)
    near, far = np.full(17, 0.05), 3 * random.normal(size=17)
    ratio, share = held_out.compare(near if near @ truth < 0 else -near, 0.0, truth, False, Group())
    assert ratio > 1
    assert share == 1
    ratio, share = held_out.compare(far, 0.0, truth, False, Group())
    assert share < 0.5


def test_a_machine_of_noise_is_the_labels_share() -> None:
    """With nothing left of the deviation from the constant, the score is the constant of all labels, not the chain's last bias."""
    random = np.random.default_rng(0)
    x = csr_matrix(random.normal(size=(60, 6)).astype(np.float32))
    y = (random.random(60) < 0.3).astype(np.float32)
    task = Task(x, y, 9, binary=True, starts=variables(x, 32, Group()))
    checked = held_out.check(task, Length(20, 100), 0, Group())
    assert checked is not None
    assert checked.weight < 0.5
    sampler = gibbs.Sampler(task, 0, Group())
    sampler.go_on_from(checked.chain)
    machine = replace(checked, share=0.0).shrunk(mean.fit(sampler, Length(4, 20), lambda *_: None))
    assert_allclose(probability(machine.raw(x)), y.mean(), rtol=1e-5)


def test_each_of_few_rows_is_held_out_once() -> None:
    random = np.random.default_rng(1)
    x = csr_matrix(random.normal(size=(10, 2)).astype(np.float32))
    task = Task(x, random.normal(size=10).astype(np.float32), 2, binary=False, starts=variables(x, 32, Group()))
    assert held_out.check(task, Length(8, 10), 0, Group()) is not None
    few = replace(task, x=x[:8], y=task.y[:8])
    assert held_out.check(few, Length(8, 10), 0, Group()) is None
