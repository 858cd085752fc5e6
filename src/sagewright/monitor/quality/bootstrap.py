"""Spread of metrics by the bootstrap, in one pass over the data: each replicate counts each observation a random number of times.

Source: Chamandy et al., "Estimating uncertainty for massive data streams" (2012): the Poisson bootstrap.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

REPLICATES = 50
Numbers: TypeAlias = NDArray[np.float64]


class Weights:
    """Weights of observations: the first row counts each once, the others are replicates."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)

    def of(self, count: int) -> Numbers:
        drawn = self._random.poisson(1.0, (REPLICATES, count)).astype(np.float64)
        return np.vstack([np.ones((1, count)), drawn])


def value_and_deviation(values: Numbers) -> tuple[float, float]:
    """Returns the metric of the data and the deviation of its replicates; those that are undefined don't count."""
    replicates = values[1:][np.isfinite(values[1:])]
    return float(values[0]), float(replicates.std(ddof=1)) if len(replicates) > 1 else 0.0
