"""Copies of rows of categories are told from rows that are equal by chance."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from sagewright.algorithms.factorization_machines import repeats
from sagewright.algorithms.factorization_machines.blocks import variables
from sagewright.algorithms.factorization_machines.task import Task
from sagewright.algorithms.firstparty.hosts import Group

RANDOM = np.random.default_rng(0)


def task(users: np.ndarray, things: np.ndarray, y: np.ndarray) -> Task:
    count, rows = int(users.max()) + 1, len(users)
    columns = np.column_stack([users, count + things]).ravel()
    shape = rows, count + int(things.max()) + 1
    x = csr_matrix((np.ones(2 * rows, np.float32), columns, np.arange(0, 2 * rows + 1, 2)), shape=shape)
    return Task(x, y.astype(np.float32), 8, False, variables(x, 512, Group()))


def pairs(users: int, things: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    return RANDOM.integers(users, size=rows), RANDOM.integers(things, size=rows)


def test_copied_ratings_count_once() -> None:
    users, things = pairs(60, 40, 400)
    again = np.append(np.arange(400), RANDOM.integers(400, size=1600))
    y = np.array([hash((int(user), int(thing))) % 5 for user, thing in zip(users, things, strict=True)])
    kept = repeats.without(task(users[again], things[again], y[again]))
    assert len(kept.y) == len(np.unique(users * 40 + things))


def test_each_of_a_pairs_copied_ratings_counts_once() -> None:
    users, things = pairs(10, 8, 400)
    again = np.append(np.arange(400), RANDOM.integers(400, size=1600))
    y = RANDOM.normal(size=400)
    kept = repeats.without(task(users[again], things[again], y[again]))
    assert len(kept.y) == 400
    assert set(kept.y) == set(y.astype(np.float32))


def test_rows_that_are_equal_by_chance_are_kept() -> None:
    users, things = pairs(8, 5, 2000)  # all pairs occur, and a pair says its label
    assert len(repeats.without(task(users, things, (users * things) % 7)).y) == 2000
    assert len(repeats.without(task(users, things, RANDOM.normal(size=40)[users * 5 + things])).y) == 2000
    users, things = pairs(60, 40, 2000)
    assert len(repeats.without(task(users, things, RANDOM.integers(1, 6, size=2000))).y) == 2000


def test_pairs_that_come_again_with_other_labels_are_kept() -> None:
    users, things = pairs(60, 40, 400)
    again = RANDOM.integers(400, size=2000)
    assert len(repeats.without(task(users[again], things[again], RANDOM.integers(1, 6, size=2000))).y) == 2000
