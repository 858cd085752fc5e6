"""Scores of forecasts on withheld values.

Source: the contract's algorithms/deepar.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sagewright.algorithms.deepar.forecasts import Forecast


class Scores:
    """Accumulates scores over series. `quantiles` are the levels of the weighted quantile losses."""

    def __init__(self, quantiles: Sequence[float]) -> None:
        self.quantiles = tuple(quantiles)
        self._squares, self._sizes, self._count = 0.0, 0.0, 0
        self._losses = np.zeros(len(self.quantiles))

    def add(self, values: np.ndarray, forecast: Forecast) -> None:
        """Adds values (n, h), NaN where missing, and their forecast."""
        observed = ~np.isnan(values)
        target = np.where(observed, values, 0.0).astype(np.float64)
        self._squares += float((((forecast.mean() - target) ** 2) * observed).sum())
        self._sizes += float(np.abs(target).sum())
        self._count += int(observed.sum())
        said = forecast.quantiles(self.quantiles)
        for place, level in enumerate(self.quantiles):
            gap = (target - said[place]) * observed
            self._losses[place] += 2 * float(np.maximum(level * gap, (level - 1) * gap).sum())

    def sums(self) -> list[float]:
        """Sums, to be added to those of other hosts."""
        return [self._squares, self._sizes, float(self._count), *self._losses.tolist()]

    def values(self, sums: Sequence[float] | None = None) -> dict[str, float]:
        """RMSE of the means, and the mean absolute and weighted losses of the quantiles, by name."""
        squares, sizes, count, *losses = self.sums() if sums is None else sums
        weighted = [loss / max(sizes, 1e-300) for loss in losses]
        return {
            "RMSE": float(np.sqrt(squares / max(count, 1))),
            "mean_absolute_QuantileLoss": float(np.mean(losses)),
            "mean_wQuantileLoss": float(np.mean(weighted)),
            **{f"wQuantileLoss[{level:g}]": loss for level, loss in zip(self.quantiles, weighted, strict=True)},
        }
