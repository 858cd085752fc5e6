"""Factorization machines of dense rows, such as tables: the exact machine without factors, and the limits of scores."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from tests.jobenv.algorithms.test_factorization_machines import NAME, PROTOBUF, protobuf

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.factorization_machines import training
from sagewright.algorithms.factorization_machines.model import Machine, MachineModel
from sagewright.algorithms.firstparty import artefact, ndarray
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.firstparty.logistic import probability


def fitted(job: Any, run: Any, x: np.ndarray, y: np.ndarray, kind: str = "regressor") -> MachineModel:
    job.configure(
        {"feature_dim": str(x.shape[1]), "num_factors": "8", "predictor_type": kind, "_seed": "1"}, {"train": PROTOBUF}
    )
    job.put("train", "part", protobuf(csr_matrix(x), y))
    assert run(job, NAME) == 0, job.output
    return MachineModel.decode(artefact.read(job.model))


def test_columns_that_say_nearly_the_same_are_solved_for(job: Any, run: Any) -> None:
    random = np.random.default_rng(2)
    hidden = random.normal(size=(240, 3))
    x = (hidden @ random.normal(size=(3, 60)) + 0.001 * random.normal(size=(240, 60))).astype(np.float32)
    y = (300 * (x[:, 0] - x[:, 1:4].mean(axis=1)) + x[:, 5]).astype(np.float32)
    model = fitted(job, run, x[:140], y[:140])
    ridge = Ridge().fit(x[:140], y[:140])
    ours = np.mean((model.machine.raw(x[140:]) - y[140:]) ** 2)
    assert ours < np.mean((ridge.predict(x[140:]) - y[140:]) ** 2)
    assert "average of linear models" in job.output
    assert "completed 100 %" in job.output
    assert "epoch=0, train mse" in job.output
    assert "Gibbs sampling" not in job.output  # no chain goes on after those of the held-out rows


@pytest.mark.parametrize("seed", [0, 1])
def test_of_few_rows_of_classes_a_sum_is_not_worse_than_that_of_scikit_learn(job: Any, run: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    x = random.normal(size=(4060, 4)).astype(np.float32)
    y = (random.random(len(x)) < probability(x @ np.array([1.5, -1.0, 0.5, 0.0]))).astype(np.float32)
    model = fitted(job, run, x[:60], y[:60], "binary_classifier")
    said = np.asarray(model.predict(x[60:])["score"])
    peer = LogisticRegression().fit(x[:60], y[:60]).predict_proba(x[60:])[:, 1]
    assert log_loss(y[60:], said) < 1.06 * log_loss(y[60:], peer)


def test_rows_far_beyond_those_of_train_have_no_huge_scores(job: Any, run: Any) -> None:
    random = np.random.default_rng(4)
    x = random.normal(size=(600, 4)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + 0.1 * random.normal(size=600)).astype(np.float32)
    model = fitted(job, run, x, y)
    assert np.mean((model.machine.raw(x) - y) ** 2) < 0.05
    least, most = model.machine.limits
    scores = model.machine.raw(x)
    beyond = 0.5 * (scores.max() - scores.min())
    assert least == pytest.approx(scores.min() - beyond, rel=0.01)
    assert most == pytest.approx(scores.max() + beyond, rel=0.01)
    far = np.array([[1000, 1000, 0, 0], [1000, -1000, 0, 0]], np.float32)
    assert np.asarray(model.predict(far)["score"]) == pytest.approx([most, least])


@pytest.mark.parametrize(("noise", "limited"), [(0.0, False), (0.5, True)])
def test_what_is_linear_exactly_is_so_beyond_train_too(noise: float, limited: bool, job: Any, run: Any) -> None:
    random = np.random.default_rng(5)
    x = random.normal(size=(200, 4)).astype(np.float32)
    y = (x @ [1.0, -2, 3, 4] + noise * random.normal(size=200)).astype(np.float32)
    model = fitted(job, run, x, y)
    assert np.isfinite(model.machine.limits).all() == limited
    said = np.asarray(model.predict(10 * x)["score"])
    if limited:
        assert np.abs(said).max() < 2 * np.abs(y).max()
    else:
        assert said == pytest.approx(10 * y, abs=0.2)


def test_limits_are_in_the_artefact_and_machines_from_elsewhere_have_none() -> None:
    machine = Machine(1.0, np.ones(2, np.float32), np.zeros((2, 1), np.float32), limits=(-1.0, 3.0))
    rows = np.array([[9.0, 9], [-9, 0], [1, 0]], np.float32)
    assert MachineModel.decode(MachineModel(machine, "regressor").encode()).machine.raw(rows).tolist() == [3, -1, 2]
    for symbol in (b"not JSON", b"[]", b'{"nodes": [], "attrs": {}}'):
        assert MachineModel.decode(archive(symbol)).machine.raw(rows).tolist() == [19, -8, 2]


@pytest.mark.parametrize("given", ['"none"', "[1]", "[1, 0]", "[NaN, 1]", '["a", 1]', "[1, 1e999, 2]", "[" * 100_000])
def test_limits_that_are_none_are_refused(given: str) -> None:
    with pytest.raises(UserError, match="score_limits of the model"):
        MachineModel.decode(archive(f'{{"nodes": [], "attrs": {{"score_limits": {given}}}}}'.encode()))


def archive(symbol: bytes) -> bytes:
    """A machine of two columns: 1 and their sum."""
    arrays = {"arg:w0_weight": np.ones((1, 1)), "arg:w1_weight": np.ones((2, 1)), "arg:v": np.zeros((2, 1))}
    params = ndarray.encode({name: each.astype(np.float32) for name, each in arrays.items()})
    return artefact.zipped({"symbol.json": symbol, "params": params})


def test_hosts_agree_on_the_limits_and_one_without_rows_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(0.0, np.ones(1, np.float32), np.zeros((1, 1), np.float32))
    run = session_of("regressor")
    ranges: list[Any] = [(0.0, 4.0), (np.inf, -np.inf), (2.0, 8.0)]
    monkeypatch.setattr(run.group, "gather", lambda own: [own, *ranges[1:]])
    assert training._limited(run, machine, np.array([0.0, 4.0])).limits == (-4, 12)
    assert training._limited(run, machine, None).limits == (-np.inf, np.inf)
    monkeypatch.setattr(run.group, "gather", lambda own: [own])
    assert training._limited(run, machine, np.zeros(0)).limits == (-np.inf, np.inf)
    assert training._limited(session_of("binary_classifier"), machine, np.zeros(2)).limits == (-np.inf, np.inf)


def session_of(kind: str) -> Any:
    """The two things that limits depend on."""
    return SimpleNamespace(group=Group(), values={"predictor_type": kind})
