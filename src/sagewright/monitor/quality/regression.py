"""Metrics of regression. Source: the developer guide, "Model quality metrics and Amazon CloudWatch monitoring"."""

from __future__ import annotations

import numpy as np

from sagewright.monitor.quality.bootstrap import Numbers, Weights
from sagewright.monitor.quality.observations import JudgedPrediction, number

LEAST_VARIANCE = 1e-12
"""Share of the mean square below which a variance is the rounding of sums."""


class RegressionMetrics:
    """Sums of errors, of all data and of each replicate."""

    problem = "regression"

    def __init__(self) -> None:
        self._weights = Weights()
        self._sums: Numbers | None = None

    def add(self, batch: list[JudgedPrediction]) -> None:
        truth = np.array([number(one.truth, "ground truth") for one in batch])
        error = np.array([number(one.prediction, "a prediction") for one in batch]) - truth
        terms = np.stack([np.ones_like(truth), np.abs(error), error**2, truth, truth**2])
        sums = self._weights.of(len(batch)) @ terms.T
        self._sums = sums if self._sums is None else self._sums + sums

    def values(self) -> dict[str, Numbers]:
        """Returns each metric of the data and of its replicates."""
        assert self._sums is not None
        with np.errstate(divide="ignore", invalid="ignore"):
            count, absolute, squared, total, squares = self._sums.T
            mean_squared = squared / count
            variance = squares / count - (total / count) ** 2
            found = {"mae": absolute / count, "mse": mean_squared, "rmse": np.sqrt(mean_squared)}
            varies = variance > LEAST_VARIANCE * squares / count
            if varies[0]:  # else there is nothing to explain
                share = 1 - mean_squared / variance
                found["r2"] = np.where(varies, share, share[0])
            return found

    def details(self) -> dict[str, object]:
        return {}
