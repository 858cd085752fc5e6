"""Forecasts of the coming steps: drawn paths, or quantiles of each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sagewright.algorithms.deepar.data.panel import Panel

LEVELS = (0.01, 0.05, *(tenth / 10 for tenth in range(1, 10)), 0.95, 0.99)
"""Levels of a step's quantiles; quantiles at other levels are interpolated, or are the outermost ones."""
TOGETHER = 0.9
"""Correlation of a path's level at successive steps, for paths made from quantiles."""


class Forecast(Protocol):
    """The forecast of n series and h steps, in the target's units."""

    def __len__(self) -> int: ...

    def mean(self) -> np.ndarray:
        """Means (n, h)."""
        ...

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Quantiles (levels, n, h)."""
        ...

    def samples(self) -> np.ndarray:
        """Samples (n, s, h)."""
        ...


class Forecasting(Protocol):
    """The interface of a forecaster: for a few of the panel's series `rows` at a time, the steps from `cuts` on."""

    def forecast(
        self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, samples: int, random: np.random.Generator
    ) -> Iterator[Forecast]: ...


@dataclass(frozen=True)
class Paths:
    """`drawn` (n, s, h)."""

    drawn: np.ndarray

    def __len__(self) -> int:
        return len(self.drawn)

    def mean(self) -> np.ndarray:
        found: np.ndarray = self.drawn.mean(axis=1)
        return found

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """A further sample is below the quantile with just that probability, however few samples there are."""
        found: np.ndarray = np.quantile(self.drawn, levels, axis=1, method="weibull")
        return found

    def samples(self) -> np.ndarray:
        return self.drawn


@dataclass(frozen=True)
class Quantiles:
    """`values` (n, h, LEVELS), ascending; `count` samples are drawn with `random`."""

    values: np.ndarray
    count: int
    random: np.random.Generator

    def __len__(self) -> int:
        return len(self.values)

    def mean(self) -> np.ndarray:
        found: np.ndarray = self.quantiles(np.linspace(0.005, 0.995, 100).tolist()).mean(axis=0)
        return found

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        return np.stack([self._at(np.full(self.values.shape[:2], level)) for level in levels])

    def samples(self) -> np.ndarray:
        from scipy.special import ndtr

        count, steps = self.values.shape[:2]
        height = self.random.standard_normal((self.count, count, steps))
        for step in range(1, steps):
            height[..., step] = TOGETHER * height[..., step - 1] + np.sqrt(1 - TOGETHER**2) * height[..., step]
        return np.stack([self._at(ndtr(each)) for each in height], axis=1)

    def _at(self, levels: np.ndarray) -> np.ndarray:
        """Quantiles (n, h) at `levels` (n, h)."""
        known = np.array(LEVELS)
        right = np.clip(np.searchsorted(known, levels), 1, len(known) - 1)
        share = np.clip((levels - known[right - 1]) / (known[right] - known[right - 1]), 0, 1)
        low, high = (np.take_along_axis(self.values, at[..., None], axis=2)[..., 0] for at in (right - 1, right))
        found: np.ndarray = low + share * (high - low)
        return found
