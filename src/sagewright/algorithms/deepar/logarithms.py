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
from sagewright.algorithms.deepar.calibration import HeldOut
from sagewright.algorithms.deepar.data.panel import Panel
from sagewright.algorithms.deepar.forecasts import Forecast, Forecasting, Paths, Quantiles

MOST, EACH, SHARE = 600, 3, 0.3
"""Maximum number of windows that are forecast, and of those of one series; the share of it that they may take."""
MOST_LOGARITHM = 600.0
"""Larger ones have no finite exponential, or none that can be added up."""
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
    held = HeldOut.of(panel, MOST, np.random.default_rng(seed), EACH, SHARE)
    rows, cuts = held.rows, held.cuts
    truth = panel.future(rows, cuts).astype(np.float64)
    use = ~np.isnan(truth).all(axis=1)
    factor = values.about.scaling.levels(panel.before(rows, cuts)).factor
    pair = []
    for each, is_logged in ((values, False), (logs, True)):
        model = linear.fit(each.panel.until(held.known.lengths).flat(), each.about, total, seed)
        if model is None:
            return False
        said = model.forecast(each.panel, rows[use], cuts[use], each.about)
        errors = np.abs(truth[use] - (_exponential(said) if is_logged else said)) / factor[use, None]
        pair.append(errors)
    found = comparison.compared(pair[0], pair[1], total)
    if found is None or found.mean < GAIN or not found.is_certain(CERTAIN):
        return False
    logging.info(
        "Values are forecast as their logarithms: a linear model of these errs less on %d windows, by %.1f %% on average.",
        found.count, 100 * (1 - np.exp(-found.mean)),
    )  # fmt: skip
    return True


@dataclass(frozen=True)
class Exponential:
    """Forecasts of values, made from those of their logarithms."""

    of_logs: Forecasting

    def forecast(
        self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, samples: int, random: np.random.Generator
    ) -> Iterator[Forecast]:
        for part in self.of_logs.forecast(panel, rows, cuts, samples, random):
            if isinstance(part, Quantiles):
                yield Quantiles(_exponential(part.values), part.count, part.random)
            else:
                yield Paths(_exponential(part.samples()))


def _exponential(logs: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(np.minimum(logs, MOST_LOGARITHM)))
