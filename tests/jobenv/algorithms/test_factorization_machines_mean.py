"""The mean of a chain's machines: how near one machine of few factors comes to all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix

from sagewright.algorithms.factorization_machines import gibbs, mean
from sagewright.algorithms.factorization_machines.mean import MeanMachine, narrowed
from sagewright.algorithms.factorization_machines.task import Task
from sagewright.algorithms.firstparty.hosts import Group

USERS, TRAITS, ITEMS = 60, 5, 40


def users_with_traits(rows: int) -> Any:
    """(rows, 105) csr_matrix: a user, that user's trait, and an item, one-hot each."""
    random = np.random.default_rng(0)
    user, item = random.integers(0, USERS, rows), random.integers(0, ITEMS, rows)
    indices = np.column_stack([user, USERS + user % TRAITS, USERS + TRAITS + item]).ravel()
    return csr_matrix(
        (np.ones(3 * rows, np.float32), indices, np.arange(0, 3 * rows + 1, 3)), shape=(rows, USERS + TRAITS + ITEMS)
    )


def sampler(binary: bool, group: Group | None = None, at_once: bool = False) -> gibbs.Sampler:
    """A chain over rows whose labels are the sum of four products, more than its two factors have."""
    x, random = users_with_traits(3000), np.random.default_rng(1)
    factors = random.normal(size=(x.shape[1], 4))
    y = ((x @ factors) ** 2 - x @ factors**2).sum(axis=1) / 2
    y = (y > 0).astype(np.float32) if binary else y.astype(np.float32)
    starts = np.array([0, USERS, USERS + TRAITS])
    return gibbs.Sampler(Task(x, y, 2, binary, starts, None, at_once), 0, group)


def after_sweeps(chain: gibbs.Sampler, sweeps: int = 40) -> MeanMachine:
    found = MeanMachine(chain, sweeps)
    for _ in range(sweeps):
        chain.sweep()
        found.add()
    return found


def distance(found: MeanMachine) -> float:
    """How far the machine's predictions for the rows are from the mean of all machines'."""
    chain = found.sampler
    own = (found.machine().raw(chain.task.x) - chain.shift) / chain.scale
    total = found.total
    if chain.task.binary:
        own *= total @ own / (own @ own)  # a classifier's scores are scaled by how far its machines disagree
    return float(np.sqrt(np.mean((own - total) ** 2)))


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("binary", [False, True])
def test_the_machine_predicts_what_the_mean_of_all_does(
    binary: bool, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = after_sweeps(sampler(binary, at_once=at_once))
    fitted = distance(found)
    monkeypatch.setattr(mean, "FITS", 0)
    assert fitted < 0.7 * distance(found)


def test_without_factors_nothing_is_fitted() -> None:
    x = users_with_traits(500)
    y = np.asarray(x[:, 0].todense(), np.float32).ravel()
    found = after_sweeps(gibbs.Sampler(Task(x, y, 0, False, None), 0))
    assert distance(found) < 1e-3


@pytest.mark.parametrize("rows", [5, 40])
def test_factors_are_narrowed_to_their_principal_directions(rows: int) -> None:
    random = np.random.default_rng(0)
    factors, squares = random.normal(size=(rows, 12)).astype(np.float32), random.uniform(1, 9, rows)
    root = np.sqrt(squares)[:, None]
    left, strengths, _ = np.linalg.svd(factors * root, full_matrices=False)
    best = (left[:, :3] * strengths[:3] ** 2) @ left[:, :3].T
    found = narrowed(factors, squares, 3) * root
    assert found.shape == (rows, 3)
    assert_allclose(found @ found.T, best, atol=1e-3)


def test_more_factors_than_columns_stay() -> None:
    factors = np.random.default_rng(1).normal(size=(2, 12)).astype(np.float32)
    found = narrowed(factors, np.ones(2), 4)
    assert found.shape == (2, 4)
    assert_allclose(found @ found.T, factors @ factors.T, rtol=1e-4)
