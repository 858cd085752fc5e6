"""Factorization machines and the linear model that they are averaged with."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix, hstack
from scipy.stats import norm
from sklearn.linear_model import Ridge
from tests.jobenv.algorithms.test_factorization_machines import NAME, PROTOBUF, protobuf

from sagewright.algorithms.factorization_machines import gibbs, held_out, linear, mean
from sagewright.algorithms.factorization_machines.blocks import variables
from sagewright.algorithms.factorization_machines.model import MachineModel
from sagewright.algorithms.factorization_machines.task import Length, Task
from sagewright.algorithms.firstparty import artefact
from sagewright.algorithms.firstparty.hosts import Group


@pytest.mark.parametrize(("rows", "columns"), [(40, 12), (600, 20)])
def test_factors_are_left_out_where_a_sum_says_it_all(job: Any, run: Any, rows: int, columns: int) -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=(rows + 1000, columns)).astype(np.float32)
    y = (x @ random.normal(size=columns) + random.normal(size=len(x))).astype(np.float32)
    job.configure(
        {"feature_dim": str(columns), "num_factors": "16", "predictor_type": "regressor", "_seed": "1"},
        {"train": PROTOBUF},
    )
    job.put("train", "part", protobuf(csr_matrix(x[:rows]), y[:rows]))
    assert run(job, NAME) == 0, job.output
    progress = [float(each) for each in re.findall(r"completed ([\d.]+) %", job.output)]
    assert progress == sorted(progress)
    assert progress[-1] == 100
    machine = MachineModel.decode(artefact.read(job.model)).machine
    assert machine.factors.shape == (columns, 16)
    ridge = Ridge().fit(x[:rows], y[:rows])
    least = np.mean((ridge.predict(x[rows:]) - y[rows:]) ** 2)
    assert np.mean((machine.raw(x[rows:]) - y[rows:]) ** 2) < 1.1 * least


def test_factors_that_are_found_late_are_kept() -> None:
    random = np.random.default_rng(4)
    user, thing = random.integers(0, 60, 2500), random.integers(0, 40, 2500)
    x = hstack([csr_matrix(np.eye(60, dtype=np.float32)[user]), csr_matrix(np.eye(40, dtype=np.float32)[thing])])
    score = (random.normal(size=(60, 2))[user] * random.normal(size=(40, 2))[thing]).sum(axis=1)
    y = (score + random.normal(0, 0.5, 2500)).astype(np.float32)
    task = Task(csr_matrix(x), y, 2, binary=False, starts=variables(csr_matrix(x), 32, Group()))
    checked = held_out.check(task, Length(4, 100), 0, Group())
    assert checked is not None
    assert checked.weight > 0.9


def test_a_machine_without_factors_has_none() -> None:
    random = np.random.default_rng(5)
    x = csr_matrix(random.normal(size=(300, 4)).astype(np.float32))
    y = np.asarray(x @ np.array([1.0, -1, 2, 0]) + random.normal(0, 0.1, 300), np.float32)
    task = Task(x, y, 8, binary=False, starts=variables(x, 32, Group()))
    whole = gibbs.Sampler(task, 0)
    chain = gibbs.Sampler(held_out.without_factors(task), 0, like=whole)
    assert chain.columns is whole.columns
    machine = mean.fit(chain, Length(10, 40), lambda *_: None)
    assert machine.factors.shape == (4, 0)
    assert np.mean((machine.raw(x) - y) ** 2) < 0.02


def test_factors_that_are_reduced_now_and_then_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(6)
    user, thing = random.integers(0, 50, 2000), random.integers(0, 35, 2000)
    x = hstack([csr_matrix(np.eye(52, dtype=np.float32)[user]), csr_matrix(np.eye(35, dtype=np.float32)[thing])])
    score = (random.normal(size=(50, 2))[user] * random.normal(size=(35, 2))[thing]).sum(axis=1)
    y = (score + random.normal(0, 0.5, 2000)).astype(np.float32)
    task = Task(csr_matrix(x), y, 3, binary=False, starts=variables(csr_matrix(x), 32, Group()))
    often = mean.fit(gibbs.Sampler(task, 0), Length(20, 60), lambda *_: None)
    monkeypatch.setattr(mean, "TOGETHER", 1000)
    once = mean.fit(gibbs.Sampler(task, 0), Length(20, 60), lambda *_: None)
    assert often.factors.shape == once.factors.shape == (87, 3)
    apart = often.raw(task.x) - once.raw(task.x)
    assert np.sqrt(np.mean(apart**2)) < 0.02 * once.raw(task.x).std()


def test_of_few_rows_a_share_is_kept_that_their_classes_suggest() -> None:
    random = np.random.default_rng(8)
    score = random.normal(0, 2, 60)
    truth = (random.random(60) < 1 / (1 + np.exp(-score))).astype(np.float64)
    ratio, share = held_out.compare_few(score, np.zeros(60), truth)
    assert share > 0.8
    assert ratio < 0.8
    ratio, share = held_out.compare_few(-score, np.zeros(60), truth)
    assert share < 0.1
    assert ratio == pytest.approx(1, abs=0.1)
    assert held_out.compare_few(np.zeros(1), np.zeros(1), truth[:1]) == (pytest.approx(1), pytest.approx(0.5))


def test_targets_of_classes_are_drawn_on_the_labels_side() -> None:
    """Their means are those of a normal distribution of which one side is cut off."""
    rows = 200_000
    x = csr_matrix(np.ones((rows, 1), np.float32))
    y = (np.arange(rows) % 2).astype(np.float32)
    sampler = gibbs.Sampler(Task(x, y, 1, binary=True, starts=None), 0)
    around = np.where(np.arange(rows) % 4 < 2, 1.0, -2.0)
    drawn = sampler._draw_target(around)
    assert ((drawn > 0) == (y > 0)).all()
    for label in (0, 1):
        for middle in (1.0, -2.0):
            sign = 2 * label - 1
            mean = middle + sign * norm.pdf(middle) / norm.cdf(sign * middle)
            assert drawn[(y == label) & (around == middle)].mean() == pytest.approx(mean, abs=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_a_column_that_differs_by_little_tells_classes(seed: int) -> None:
    random = np.random.default_rng([7, seed])
    year = random.integers(1996, 2000, 1080)
    x = np.column_stack([year / 1998, random.normal(size=(1080, 8))]).astype(np.float32)
    y = (year > 1997).astype(np.float32)
    machine = linear.machine(Task(csr_matrix(x[:80]), y[:80], 4, binary=True, starts=np.arange(10)))
    raw = machine.raw(csr_matrix(x[80:]))
    assert np.mean(np.logaddexp(0, raw) - y[80:] * raw) < 0.1


def test_priors_of_what_labels_say_exactly_are_narrower() -> None:
    weights = np.zeros((30, 3), np.float32)
    drawn = [
        gibbs.Priors(np.zeros(30, int), 3).draw(weights, np.random.default_rng(2), noise)[..., 0].mean(axis=0)
        for noise in (1.0, 0.01, 9.0, 0.0)
    ]
    assert drawn[1] == pytest.approx(100 * drawn[0], rel=1e-4)
    assert drawn[2] == pytest.approx(drawn[0])
    assert drawn[3] == pytest.approx(drawn[0] / gibbs.LEAST_NOISE, rel=1e-4)
