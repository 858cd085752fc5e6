"""Averages a network's forecasts with those of experts, which use each series alone (`experts`).

The errors of each at each step are measured on the last values of the training's series, in multiples of a series' mean step. The
quantiles of an expert's errors, less their median, are added to its predictions. The weights are the inverse squares of the mean
absolute errors. The experts don't use those values in this measurement, while the network has learnt from some of them, which
favours it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.deepar.beside import experts
from sagewright.algorithms.deepar.data.panel import Panel
from sagewright.algorithms.deepar.data.scaling import Scaling
from sagewright.algorithms.deepar.forecasts import LEVELS, Forecast, Forecasting, Quantiles

FEWEST = 10
"""Minimum number of values in a series before the withheld ones."""
MOST = 5000
"""Maximum number of series on which errors are measured."""
POWER = -2
SAMPLES = 50
LEAST = 1e-6
MIDDLE = LEVELS.index(0.5)
"""Index of the median. The median error is subtracted: all series often end at the same time, and an error they share then need not
recur."""


@dataclass(frozen=True)
class Experts:
    """`errors` (names, horizon, LEVELS): quantiles of each expert's errors, less the median, in factors of `scaling`; `weights` (1
    + names,): the network's, then the experts', with sum 1.
    """

    names: tuple[str, ...]
    errors: np.ndarray
    weights: np.ndarray

    def say(self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, scaling: Scaling) -> tuple[np.ndarray, np.ndarray]:
        """The experts' quantiles (names, n, horizon, LEVELS), and a mask (n,) of the series that they cover: those with values."""
        known = _known(panel, rows, cuts)
        found = np.zeros((len(self.names), len(rows), panel.layout.horizon, len(LEVELS)))
        if known.any():
            points, factor = _points(self.names, panel, rows[known], cuts[known], scaling)
            found[:, known] = points[..., None] + factor[:, None, None] * self.errors[:, None]
        return found, known


def measured(names: tuple[str, ...], panel: Panel, network: Forecasting, scaling: Scaling) -> Experts:
    """Experts with errors measured on the last values of the panel's series. If no series is long enough, the errors are 0 and all
    weights equal.
    """
    horizon = panel.layout.horizon
    rows = np.flatnonzero(panel.lengths >= horizon + FEWEST)[:MOST]
    cuts = panel.lengths[rows] - horizon
    use = _known(panel, rows, cuts) & ~np.isnan(panel.future(rows, cuts)).all(axis=1)
    rows, cuts = rows[use], cuts[use]
    if not len(rows):
        weights = np.full(1 + len(names), 1 / (1 + len(names)))
        return Experts(names, np.zeros((len(names), horizon, len(LEVELS))), weights)
    points, factor = _points(names, panel, rows, cuts, scaling)
    said = network.forecast(panel, rows, cuts, SAMPLES, np.random.default_rng(0))
    medians = np.concatenate([part.quantiles([0.5])[0] for part in said])
    gaps = (panel.future(rows, cuts)[None] - np.concatenate([medians[None], points])) / factor[:, None]
    weights = np.maximum(np.nanmean(np.abs(gaps), axis=(1, 2)), LEAST) ** POWER
    observed = ~np.isnan(gaps[0]).all(axis=0)
    errors = np.zeros((len(names), horizon, len(LEVELS)))
    spread = np.nanquantile(gaps[1:, :, observed], LEVELS, axis=1)
    errors[:, observed] = np.moveaxis(spread - spread[MIDDLE], 0, -1)
    return Experts(names, errors, weights / weights.sum())


def _known(panel: Panel, rows: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Mask (n,) of the series that have a value before the cut."""
    past = (panel.past(row, cut) for row, cut in zip(rows, cuts, strict=True))
    return np.array([not np.isnan(values).all() for values in past], bool)


def _points(
    names: tuple[str, ...], panel: Panel, rows: np.ndarray, cuts: np.ndarray, scaling: Scaling
) -> tuple[np.ndarray, np.ndarray]:
    """The experts' point forecasts (names, n, horizon), and the series' factors (n,)."""
    past = [panel.past(row, cut) for row, cut in zip(rows, cuts, strict=True)]
    said = experts.of_panel(names, past, panel.layout)
    return said, scaling.levels(panel.before(rows, cuts)).factor


@dataclass(frozen=True)
class Pooled:
    """Forecasts with the weighted mean of the network's and the experts' quantiles; for series without values, with the network's
    alone."""

    network: Forecasting
    experts: Experts
    scaling: Scaling

    def forecast(
        self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, samples: int, random: np.random.Generator
    ) -> Iterator[Forecast]:
        done, first, others = 0, self.experts.weights[0], self.experts.weights[1:]
        for part in self.network.forecast(panel, rows, cuts, samples, random):
            own = slice(done, done + len(part))
            done += len(part)
            base = np.moveaxis(part.quantiles(LEVELS), 0, -1)
            said, known = self.experts.say(panel, rows[own], cuts[own], self.scaling)
            together = first * base + np.tensordot(others, said, axes=1)
            values = np.where(known[:, None, None], together, base)
            if self.scaling.floor is not None:
                values = np.maximum(values, self.scaling.floor)
            yield Quantiles(np.sort(values, axis=2), samples, random)
