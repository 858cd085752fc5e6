"""Network inputs of windows: the features of each step, all of about the same scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.deepar.data.panel import Layout, Windows
from sagewright.algorithms.deepar.data.scaling import Levels, Scaling

LEAST_SPAN, FARTHEST = 4.0, 30.0


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
class NetworkInputs:
    """`x` (n, T, width): the last value and the lags, then flags for the missing ones, then the other features of the step; after
    `width` of these, the inputs of the linear map alone."""

    x: np.ndarray
    levels: Levels


def width(layout: Layout) -> int:
    """The number of features of a step, besides the categories."""
    return 2 * (1 + len(layout.lags)) + layout.frequency.width + 2 + layout.features


def direct(layout: Layout) -> int:
    """The number of additional features of a step for the network's linear map alone."""
    return 2 * layout.features * (2 + len(layout.lags)) if layout.direct else 0


def _effects(windows: Windows, around: np.ndarray, levels: Levels, scaling: Scaling, normal: Normal) -> np.ndarray:
    """(n, T, direct): the dynamic features, scaled so that the same effect on every series has the same weight, both for effects
    that are equal in the target's units and for effects that are relative to a series' size.
    """
    times = around.shape[-1] // windows.dynamic.shape[-1]
    mean, deviation = (np.tile(np.array(each[2:]), times) for each in (normal.mean, normal.deviation))
    known = (around - mean) / deviation
    alike = scaling.usual[1] / levels.factor
    relative = np.exp(normal.mean[1] - levels.unrest) if scaling.kind == "steps" else np.ones_like(alike)
    each = [np.clip(known * unit[:, None, None], -FARTHEST, FARTHEST) for unit in (alike, relative)]
    return np.concatenate(each, axis=-1).astype(np.float32)


def plain(windows: Windows, levels: Levels) -> np.ndarray:
    """(n, T, 2 + dynamic features): the features that a `Normal` standardises."""
    steps = windows.age.shape[1]
    unrest = np.repeat(levels.unrest[:, None], steps, axis=1)
    return np.concatenate([windows.age[..., None], unrest[..., None], windows.dynamic], axis=-1)


def told(windows: Windows, scaling: Scaling, normal: Normal) -> NetworkInputs:
    levels = scaling.levels(windows.history, windows.cat)
    lagged = scaling.relative(windows.lagged, levels)
    missing = np.isnan(lagged)
    known = (plain(windows, levels) - np.array(normal.mean)) / np.array(normal.deviation)
    parts = [np.where(missing, 0, lagged), missing, windows.calendar, np.clip(known, -10, 10)]
    told = [part.astype(np.float32) for part in parts]
    if windows.around is not None:
        told.append(_effects(windows, windows.around, levels, scaling, normal))
    return NetworkInputs(np.concatenate(told, axis=-1), levels)


def bounds(history: np.ndarray, scaling: Scaling, levels: Levels, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """The bounds (n,) of forecasts, as scaled values: the range of the `history` (n, h), extended by `reach` times that range."""
    low, high = ends(history, scaling, levels)
    span = reach * spans(low, high)
    return low - span, high + span


def ends(history: np.ndarray, scaling: Scaling, levels: Levels) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest scaled value (n,) of the `history` (n, h) before each forecast; 0 if there is none."""
    before = scaling.relative(history, levels)
    observed = ~np.isnan(before)
    any_seen = observed.any(axis=1)
    low, high = np.where(observed, before, np.inf).min(axis=1), np.where(observed, before, -np.inf).max(axis=1)
    return np.where(any_seen, low, 0.0), np.where(any_seen, high, 0.0)


def spans(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The range of the values that precede a forecast, at least a few steps."""
    return np.maximum(high - low, LEAST_SPAN)
