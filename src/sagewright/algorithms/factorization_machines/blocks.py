"""Groups of related columns, such as the one-hot columns of one variable: they share the priors of their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from sagewright.algorithms.firstparty.hosts import Group

LEAST_COLUMNS = 30
"""A variable with fewer columns has too little data for its own prior: all such columns share one."""


def variables(x: Any, most: int, group: Group) -> np.ndarray | None:
    """The first columns of the variables, (v,) int64, the same at all hosts; `x` is a csr_matrix with sorted indices.

    From the left, a variable extends as long as no row of any host has two of its columns. None if there are more than `most`.
    """
    first, second = x.indices[:-1], x.indices[1:]
    inside = np.ones(len(first), bool)
    ends = x.indptr[1:-1]
    inside[ends[(ends > 0) & (ends < x.indptr[-1])] - 1] = False  # neighbours in different rows
    first, second = first[inside], second[inside]
    starts = [0]
    while len(starts) <= most:
        clash = first >= starts[-1]
        first, second = first[clash], second[clash]
        begins = min(group.gather(int(second.min()) if len(second) else x.shape[1]))
        if begins == x.shape[1]:
            return np.array(starts)
        starts.append(begins)
    return None


def blocks(starts: np.ndarray | None, columns: int) -> np.ndarray:
    """The block of each column, (d,) int64, whose priors it shares: its variable if that has many columns, otherwise the rest."""
    if starts is None:
        return np.zeros(columns, np.int64)
    sizes = np.diff(np.append(starts, columns))
    own = sizes >= LEAST_COLUMNS
    number = np.where(own, np.cumsum(own) - 1, own.sum())
    return np.repeat(np.unique(number, return_inverse=True)[1], sizes)
