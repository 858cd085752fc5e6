"""Windows as the network is told them: the numbers of each step, all of about the same size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.deepar.panel import Layout, Windows
from sagewright.algorithms.deepar.scaling import Levels, Scaling

LEAST_SPAN = 4.0


@dataclass(frozen=True)
class Normal:
    """Means and deviations, (2 + dynamic features,) each, of age, of a level's unrest and of dynamic features."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def of(cls, sums: Sequence[float], squares: Sequence[float], count: float) -> Normal:
        mean = np.asarray(sums) / count
        deviation = np.sqrt(np.maximum(np.asarray(squares) / count - mean**2, 0))
        return cls(tuple(mean.tolist()), tuple(np.where(deviation > 1e-6, deviation, 1.0).tolist()))


@dataclass(frozen=True)
class Told:
    """`x` (n, T, width): the last value and the lags, then which of them are missing, then what else is known of the step."""

    x: np.ndarray
    levels: Levels


def width(layout: Layout) -> int:
    """How many numbers are told of a step, besides the categories."""
    return 2 * (1 + len(layout.lags)) + layout.frequency.width + 2 + layout.features


def plain(windows: Windows, levels: Levels) -> np.ndarray:
    """(n, T, 2 + dynamic features): what is made comparable by a `Normal`."""
    steps = windows.age.shape[1]
    unrest = np.repeat(levels.unrest[:, None], steps, axis=1)
    return np.concatenate([windows.age[..., None], unrest[..., None], windows.dynamic], axis=-1)


def told(windows: Windows, scaling: Scaling, normal: Normal) -> Told:
    levels = scaling.levels(windows.history)
    lagged = scaling.relative(windows.lagged, levels)
    missing = np.isnan(lagged)
    known = (plain(windows, levels) - np.array(normal.mean)) / np.array(normal.deviation)
    parts = [np.where(missing, 0, lagged), missing, windows.calendar, np.clip(known, -10, 10)]
    return Told(np.concatenate([part.astype(np.float32) for part in parts], axis=-1), levels)


def bounds(windows: Windows, scaling: Scaling, levels: Levels, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Between what (n,) forecasts stay, as values are told: `reach` times the range of what precedes them beyond it."""
    low, high = ends(windows, scaling, levels)
    span = reach * spans(low, high)
    return low - span, high + span


def ends(windows: Windows, scaling: Scaling, levels: Levels) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest value (n,) that precede each forecast, as they are told; 0 where there is none."""
    before = scaling.relative(windows.history, levels)
    seen = ~np.isnan(before)
    any_seen = seen.any(axis=1)
    low, high = np.where(seen, before, np.inf).min(axis=1), np.where(seen, before, -np.inf).max(axis=1)
    return np.where(any_seen, low, 0.0), np.where(any_seen, high, 0.0)


def spans(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The range of what precedes a forecast: not less than a few steps."""
    return np.maximum(high - low, LEAST_SPAN)
