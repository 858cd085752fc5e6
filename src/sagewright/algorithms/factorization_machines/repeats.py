"""Finds rows of few categories that were copied: as often as a pair of them is seen, it is one row.

Rows of categories are equal by chance, too, and then come again in new data. They are copies if their labels agree and if they are
far fewer than the same categories would make were they combined by chance; or if each of several labels of a row occurs often, and
no other row has it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sagewright.algorithms.factorization_machines.task import Task
from sagewright.algorithms.firstparty.rows import copies
from sagewright.algorithms.formats.table import Sparse

FEWER = 0.5
"""Maximum number of different rows, as a share of those that chance gives."""
MOST_CELLS = 1 << 22
"""Limit on rows times variables."""


def without(task: Task) -> Task:
    """Returns the task with one of each row's copies."""
    rows = len(task.y)
    if task.starts is None or rows * len(task.starts) > MOST_CELLS:
        return task
    x = task.x
    keys = copies.keys(Sparse(x.indptr, x.indices, x.data, x.shape[1]))
    found = None if task.binary else copies.with_numbers(keys, task.y)
    if found is None or len(found.first) == len(np.unique(keys)):
        found = copies.equal(keys, task.y)
        if found is None or not copies.agree(found, task.y):
            return task
        if len(found.first) > FEWER * _by_chance(x, task.starts):
            return task
    first = np.sort(found.first)
    return replace(task, x=x[first], y=task.y[first])


def _by_chance(x: Any, starts: np.ndarray) -> int:
    """Returns the number of different rows if each variable's values are dealt to the rows by chance."""
    random = np.random.default_rng(0)
    along = random.normal(size=x.shape[1])
    rows, variables = x.shape[0], len(starts)
    variable = np.searchsorted(starts, x.indices, side="right") - 1
    place = np.repeat(np.arange(rows), np.diff(x.indptr)) * variables + variable
    values = np.bincount(place, x.data * along[x.indices], rows * variables).reshape(rows, variables)
    dealt = random.permuted(values, axis=0).sum(axis=1)
    return len(np.unique(np.round(dealt, 9)))
