"""Compares the errors of two forecasters in the same windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.deepar.beside.linear import Total

SMALL = 0.05
"""Added to each window's error, in multiples of the usual one, so that a few good guesses don't decide."""


@dataclass(frozen=True)
class Comparison:
    """The `mean` of the logarithms by which the second's errors are smaller, its standard `error`, and the number of windows."""

    mean: float
    error: float
    count: float

    def is_certain(self, level: float) -> bool:
        """True if Student's t finds the mean above 0 at this `level`, such as 0.975."""
        from scipy.special import stdtrit

        return self.mean > float(stdtrit(self.count - 1, level)) * self.error


def compared(first: np.ndarray, second: np.ndarray, total: Total) -> Comparison | None:
    """Compares absolute errors (n, horizon), NaN where unknown, of all hosts: None if there are fewer than two windows, or no
    errors."""
    known = ~np.isnan(first + second)
    some = known.any(axis=1)
    one, two = (np.where(known, each, 0).sum(axis=1)[some] / known.sum(axis=1)[some] for each in (first, second))
    usual, count = total([float(np.minimum(one, two).sum()), float(some.sum())])
    if count < 2 or usual <= 0:
        return None
    least = SMALL * usual / count
    gains = np.log((one + least) / (two + least))
    summed, squares = total([float(gains.sum()), float((gains**2).sum())])
    mean = summed / count
    return Comparison(mean, float(np.sqrt(max(squares / count - mean**2, 0.0) / (count - 1))), count)
