"""Forecasts of values' logarithms, where effects multiply: a promotion that doubles a product's sales, a season that grows with its
series, growth by a percentage.

They are used if a linear model of the logarithms errs less, by the values themselves, than one of the values does. Both forecast
windows at the ends of the series that they have not learnt from.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.deepar.beside import comparison, linear
from sagewright.algorithms.deepar.beside.linear import About, Total
from sagewright.algorithms.deepar.data.panel import Panel
from sagewright.algorithms.deepar.forecasts import Forecast, Forecasting, Paths, Quantiles

MOST, EACH, FEW, PART = 600, 3, 20, 0.3
"""Maximum number of windows that are forecast, and of those of one series, or where there are few series as many as make FEW; the
part of a series that they may take."""
GAIN, CERTAIN = 0.02, 0.975
"""The minimum by which the mean logarithm of the errors has to fall, and the level at which Student's t has to find it below 0."""


@dataclass(frozen=True)
class Candidate:
    """Series, or their logarithms, and the inputs of a linear model."""

    panel: Panel
    about: About


def are_better(values: Candidate, logs: Candidate, total: Total, seed: list[int]) -> bool:
    """True if the logarithms of all hosts' series are to be forecast. `values` and `logs` are of the same series."""
    panel = values.panel
    lengths, rows, cuts = _held_out(panel, np.random.default_rng(seed))
    truth = panel.future(rows, cuts).astype(np.float64)
    use = ~np.isnan(truth).all(axis=1)
    factor = values.about.scaling.levels(panel.before(rows, cuts)).factor
    pair = []
    for each, is_logged in ((values, False), (logs, True)):
        model = linear.fit(each.panel.until(lengths).flat(), each.about, total, seed)
        if model is None:
            return False
        said = model.forecast(each.panel, rows[use], cuts[use], each.about)
        errors = np.abs(truth[use] - (np.exp(said) if is_logged else said)) / factor[use, None]
        pair.append(errors)
    found = comparison.compared(pair[0], pair[1], total)
    if found is None or found.mean < GAIN or not found.is_certain(CERTAIN):
        return False
    logging.info(
        "Values are forecast as their logarithms: a linear model of these errs less on %d windows, by %.1f %% on average.",
        found.count, 100 * (1 - np.exp(-found.mean)),
    )  # fmt: skip
    return True


def _held_out(panel: Panel, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lengths (series,) of what both learn from; the series (n,) and the positions (n,) of the windows that follow it."""
    horizon = panel.layout.horizon
    rows = np.flatnonzero(panel.lengths >= panel.layout.least + 2 * horizon)
    if len(rows) > MOST:
        rows = np.sort(random.choice(rows, MOST, replace=False))
    most = max(1, min(max(EACH, FEW // max(len(rows), 1)), MOST // max(len(rows), 1)))
    counts = np.clip((PART * panel.lengths[rows] / horizon).astype(np.int64), 1, most)
    lengths = panel.lengths.copy()
    lengths[rows] -= counts * horizon
    back = np.concatenate([np.arange(1, count + 1) for count in counts]) if len(rows) else counts
    rows = np.repeat(rows, counts)
    return lengths, rows, panel.lengths[rows] - back * horizon


@dataclass(frozen=True)
class Exponential:
    """Forecasts of values, made from those of their logarithms."""

    of_logs: Forecasting

    def forecast(
        self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, samples: int, random: np.random.Generator
    ) -> Iterator[Forecast]:
        for part in self.of_logs.forecast(panel, rows, cuts, samples, random):
            if isinstance(part, Quantiles):
                yield Quantiles(np.exp(part.values), part.count, part.random)
            else:
                yield Paths(np.exp(part.samples()))
