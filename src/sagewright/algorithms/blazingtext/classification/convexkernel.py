"""Passes of dual coordinate descent over texts, for several labels side by side, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from sagewright.algorithms.native.kernels import kernel

STILL = np.float32(1e-5)
"""Smaller steps are skipped."""


@kernel(fastmath=True, error_model="numpy")
def sweep(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
    sides: np.ndarray,
    dual: np.ndarray,
    weights: np.ndarray,
    order: np.ndarray,
    ridge: np.float32,
) -> Any:
    """Makes one pass and returns the largest step. `rows` are indptr, indices and data of texts of length 1; `sides` (n, k) 1 or
    -1, `dual` (n, k) not negative, `weights` (columns, k).
    """
    indptr, indices, data = rows
    width = weights.shape[1]
    step = np.empty(width, np.float32)
    farthest = np.float32(0)
    for row in order:
        step[:] = 0
        for place in range(indptr[row], indptr[row + 1]):
            value, column = data[place], indices[place]
            for label in range(width):
                step[label] += value * weights[column, label]
        largest = np.float32(0)
        for label in range(width):
            side, old = np.float32(sides[row, label]), dual[row, label]
            slope = side * step[label] - np.float32(1) + ridge * old
            new = max(old - slope / (np.float32(1) + ridge), np.float32(0))
            if abs(new - old) <= STILL:
                new = old
            dual[row, label] = new
            step[label] = (new - old) * side
            largest = max(largest, abs(new - old))
        farthest = max(farthest, largest)
        if largest > 0:
            for place in range(indptr[row], indptr[row + 1]):
                value, column = data[place], indices[place]
                for label in range(width):
                    weights[column, label] += value * step[label]
    return farthest
