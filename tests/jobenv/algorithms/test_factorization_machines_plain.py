"""Factorization machines and the linear model that they are averaged with."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import Ridge
from tests.jobenv.algorithms.test_factorization_machines import NAME, PROTOBUF, protobuf

from sagewright.algorithms.factorization_machines import held_out
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
