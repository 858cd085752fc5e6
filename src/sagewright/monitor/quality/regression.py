"""Metrics of regression. Source: the developer guide, "Model quality metrics and Amazon CloudWatch monitoring"."""

from __future__ import annotations

import numpy as np

from sagewright.monitor.quality.bootstrap import Numbers, Weights
from sagewright.monitor.quality.observations import JudgedPrediction, number


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
            return {
                "mae": absolute / count,
                "mse": mean_squared,
                "rmse": np.sqrt(mean_squared),
                "r2": 1 - mean_squared / variance,
            }

    def details(self) -> dict[str, object]:
        return {}
