"""The machine without factors where rows are few and dense, found exactly: the average of linear models of all penalties.

A chain without factors draws one weight after another, which takes it long where columns say nearly the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sagewright.algorithms.factorization_machines.blocks import blocks
from sagewright.algorithms.factorization_machines.model import Machine
from sagewright.algorithms.factorization_machines.task import Task
from sagewright.algorithms.firstparty.hosts import Group
from sagewright.algorithms.ridge import families, rotation
from sagewright.algorithms.ridge.families import Rows

MOST_COLUMNS, MOST_NUMBERS, MOST_WORK = 256, 1 << 22, 60_000_000
"""Limits on the smaller of the numbers of rows and columns, on the numbers in the rows, which become dense, and on the products of
one step of the logistic loss.
"""
ROUNDED = 1e-6
"""Deviations below this share of the largest number are rounding errors."""


def suits(task: Task, group: Group) -> bool:
    """True if this takes little work, and all columns share their priors."""
    rows, columns = task.x.shape
    least = min(task.x.shape) + 1
    work = rows * least**2 if task.binary else 0
    small = least <= MOST_COLUMNS and rows * columns <= MOST_NUMBERS and work <= MOST_WORK
    return group.size == 1 and small and not blocks(task.starts, columns).any()


def machine(task: Task) -> Machine:
    """Returns the average for all columns. Its loss is the squared or the logistic one."""
    x, y = task.x.toarray(), task.y.astype(np.float64)
    rows, squared = Rows(x, y, np.ones(len(y)), np.ones(len(y))), not task.binary
    centred = rotation.centre(x, rows.weights, centred=True)
    scale = np.ones(x.shape[1]) if task.scale is None else task.scale
    tried = [families.family(rows, centred, widths, squared) for widths in (*families.widths(scale, len(y)), *_even(x))]
    found = families.average(rows, tried, families.judged(rows, tried, squared), scale, squared)
    none = np.zeros((x.shape[1], 0), np.float32)
    return Machine(float(found.bias[0]), found.features[:, 0].astype(np.float32), none)


def _even(x: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the widths (d,) that give all columns of x (n, d) a deviation of 1, unless they have it: those of rare categories, of
    which most are 0, are much less than that of numbers.
    """
    deviations = x.std(axis=0, dtype=np.float64)
    varying = deviations > ROUNDED * np.abs(x).max(axis=0, initial=0)
    widths = 1 / np.where(varying, deviations, 1)
    if (widths > families.SAME).any():
        yield widths
