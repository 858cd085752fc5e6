"""Factorization machines: gradients and draws against their definitions, and whole trainings on ratings with a known structure."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.factorization_machines import gibbs
from sagewright.algorithms.factorization_machines.blocks import blocks
from sagewright.algorithms.factorization_machines.declaration import DECLARATION
from sagewright.algorithms.factorization_machines.descent import Learner
from sagewright.algorithms.factorization_machines.model import Machine, MachineModel
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
    learner = Learner(values(predictor_type=predictor, factors_init_sigma="0.3"), 0)
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
    learner = Learner(values(), 0)
    before = learner.factors.values.copy()
    learner.step(X[:20], Y[:20], Group())
    moved = np.flatnonzero((learner.factors.values != before).any(axis=1))
    assert set(moved) == set(X[:20].indices)


def test_one_hot_variables_are_blocks() -> None:
    assert blocks(X).tolist() == [0] * USERS + [1] * ITEMS
    dense = csr_matrix(np.ones((5, 100)))
    assert set(blocks(dense)) == {0}
    assert blocks(csr_matrix((3, 4))).tolist() == [0] * 4


def test_draws_of_weights_have_the_posterior_of_bayesian_regression() -> None:
    """With known precisions the linear weights of one column are normal with the mean and deviation of the textbook."""
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 1))
    y = 2 * x[:, 0] + random.normal(size=200)
    columns = np.array([0, 200], np.int32), np.arange(200, dtype=np.int32), x[:, 0].astype(np.float32)
    drawn = []
    for _ in range(4000):
        weights, state = np.zeros(1), np.column_stack([-y, np.zeros(200)])
        gibbs._sweep(columns, state, weights, np.array([[3.0, 1.0, random.normal()]]), 1.0, False)
        drawn.append(weights[0])
        assert_allclose(state[:, 0], x[:, 0] * weights[0] - y, atol=1e-5)
    precision = 3 + float(x[:, 0] @ x[:, 0])
    assert np.mean(drawn) == pytest.approx((3 + float(x[:, 0] @ y)) / precision, abs=0.005)
    assert np.std(drawn) == pytest.approx(precision**-0.5, rel=0.05)


def test_the_chain_keeps_the_errors_of_its_machine() -> None:
    sampler = gibbs.Sampler(X[:2000], Y[:2000], 3, binary=False, seed=0)
    for _ in range(5):
        sampler.sweep()
    assert_allclose(sampler.state[:, 0], sampler.machine().raw(X[:2000]) - Y[:2000], atol=1e-3)


def test_hidden_tastes_are_found_without_any_setting(job: Any, run: Any) -> None:
    model = fit(job, run, Y)
    ours = rmse(model.machine.raw(X[SPLIT:]))
    assert ours < 0.56  # the noise is 0.5
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
    drawn = Learner(values(factors_init_method=method, num_factors="50", **given), 0).factors.values
    spread = {"uniform": 0.5 / 3**0.5, "normal": 0.5, "constant": 0.0}[method]
    assert drawn.std() == pytest.approx(spread, abs=0.02)
    assert drawn.mean() == pytest.approx(0.5 if method == "constant" else 0, abs=0.02)


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


def test_sampling_over_hosts_is_refused(make_job: Callable[[str], Any]) -> None:
    hosts = ("127.0.0.1", "127.0.0.2")
    started = []
    for host in hosts:
        job = make_job(host)
        given = {"feature_dim": "230", "num_factors": "4", "predictor_type": "regressor", "_solver": "mcmc"}
        job.configure(given, {"train": PROTOBUF}, hosts=hosts, current=host)
        job.put("train", "part", protobuf(X[:10], Y[:10]))
        started.append((job, job.start(NAME)))
    for job, process in started:
        process.communicate(timeout=60)
        assert process.returncode == 2
        assert "_solver mcmc needs one instance" in job.failure


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
