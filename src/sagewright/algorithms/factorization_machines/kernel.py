"""One sweep over all columns, compiled. Each weight is drawn from its normal distribution given all others.

`columns` are indptr, indices and data of the rows by column. `error` (n,) is the machine's prediction less the label, `product` (n,
k) the rows' products with each factor. `weights` (m, k + 1) holds each column's linear weight, then its factors; `prior` (m, k + 1,
3) the precision and the mean of each, and the normal number to draw with. All float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sagewright.algorithms.native.kernels import native

Columns = tuple[np.ndarray, np.ndarray, np.ndarray]
State = tuple[np.ndarray, np.ndarray, np.ndarray]
"""`error`, `product` and `weights`."""


@native(
    "Tuple((int64[::1], int32[::1], float32[::1])), Tuple((float32[::1], float32[:, ::1], float32[:, ::1])), "
    "float32[:, :, ::1], float32, float32[:, ::1]",
    fastmath=True,
)
def _sweep(columns: Columns, state: State, prior: np.ndarray, alpha: np.float32, fetched: np.ndarray) -> None:
    """Fetches a column's rows once for all of its factors and places them side by side."""
    (indptr, indices, data), (error, product, weights) = columns, state
    factors = product.shape[1]
    for column in range(len(weights)):
        begin, count = indptr[column], indptr[column + 1] - indptr[column]
        x, e = data[begin : begin + count], fetched[factors, :count]
        for place in range(count):
            row = np.uintp(indices[begin + place])
            e[place] = error[row]
            for factor in range(factors):
                fetched[factor, place] = product[row, factor]
        for number in range(factors + 1):
            old, mine = weights[column, number], prior[column, number]
            q = fetched[number - 1, :count] if number else e
            curvature, slope = np.float32(0), np.float32(0)
            for place in range(count):
                h = x[place] * (q[place] - x[place] * old) if number else x[place]
                curvature += h * h
                slope += h * (e[place] - h * old)
            precision = alpha * curvature + mine[0]
            new = (mine[0] * mine[1] - alpha * slope) / precision + mine[2] / np.sqrt(precision)
            weights[column, number] = new
            moved = np.float32(new - old)
            for place in range(count):
                if number:
                    e[place] += x[place] * (q[place] - x[place] * old) * moved
                    q[place] += x[place] * moved
                else:
                    e[place] += x[place] * moved
        for place in range(count):
            row = np.uintp(indices[begin + place])
            error[row] = e[place]
            for factor in range(factors):
                product[row, factor] = fetched[factor, place]


def sweep(columns: Columns, state: State, prior: np.ndarray, alpha: float) -> None:
    """Draws one column after another."""
    longest = max(1, int(np.diff(columns[0]).max(initial=0)))
    fetched = np.empty((state[1].shape[1] + 1, longest), np.float32)
    _sweep(columns, state, prior, alpha, fetched)


def kept() -> bool:
    """Returns True if machine code is cached, so that nothing has to be compiled."""
    return _sweep.kept


def rehearse(_values: Mapping[str, Any]) -> None:
    """Runs one row, one column and one factor."""
    ones, weights = np.ones(1, np.float32), np.zeros((1, 2), np.float32)
    columns = np.array([0, 1]), np.zeros(1, np.int32), ones
    sweep(columns, (ones.copy(), np.ones((1, 1), np.float32), weights), np.ones((1, 2, 3), np.float32), 1.0)
