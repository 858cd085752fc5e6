"""The distribution of a series' own past values, which forecasts of intermittent series and of series with few values are mixed
with.

A series that is often exactly 0, as the demand for a spare part, or that often has another value again, as a grade from 1 to 5, has
quantiles that a network's smooth distribution misses. The weight of its past values is the one that the quantile losses on held-out
windows make likely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.deepar.beside.linear import Total
from sagewright.algorithms.deepar.data.panel import Panel
from sagewright.algorithms.deepar.data.scaling import Scaling
from sagewright.algorithms.deepar.forecasts import LEVELS, Forecast, Paths, Quantiles

LONG = 600
"""Maximum number of past values that are used."""
ZEROS, DENSE = 0.25, 3
"""The minimum share of zeros among the past values of an intermittent series, also from the first value that isn't 0 on, and up to
the last one: a new or a discontinued product isn't intermittent. In these, DENSE more values may differ from 0."""
REPEATED, FEWEST, PARTS = 0.25, 4, 3
"""The minimum share of the commonest value of a series that has it again and again, and how often it occurs; half of that share in
each of PARTS of the series: one whose level shifts doesn't have values again.
"""
FEW = 2
"""The weight is halved for a series of this many values, and is smaller the fewer they are."""
STEPS, LEAST = 4, 0.02
"""Weights that are compared: 0, 1 / STEPS, ..., 1; and the smallest one that is used."""
SHARPNESS, USUAL = 4, 0.5
"""A window's log likelihood is -SHARPNESS · log(USUAL + its quantile loss, as a multiple of that of the past values themselves)."""
SMALL = 0.01
"""Minimum loss of the past values, as a share of the windows' mean."""
TYPICAL = 0.1
"""The share of the positive values of an intermittent series below its smallest usual one."""
DECILES = np.arange(1, 10) / 10


@dataclass(frozen=True)
class Past:
    """The `weight` of past values in the quantiles of intermittent series and of those that repeat a value, and the `season`'s:
    values of the same phase have this share of the past's distribution, all values together the rest."""

    weight: float
    season: float

    def mixed(self, part: Forecast, panel: Panel, rows: np.ndarray, cuts: np.ndarray, scaling: Scaling) -> Forecast:
        """Mixes the forecasts of such series with their pasts, quantile by quantile, so that paths keep their order. Those of
        intermittent series are settled, see `_settled`, even without a weight."""
        if not self.weight and scaling.floor is None:
            return part
        values = _values(panel, rows, cuts)
        own = np.flatnonzero(_are_mixed(values, scaling) if self.weight else _are_intermittent(values))
        if not len(own):
            return part
        values = values[own]
        if isinstance(part, Quantiles):
            found = part.values.copy()
            found[own] = self._mix(found[own], quantiles(values, panel, self.season, np.array(LEVELS)), values, scaling)
            return Quantiles(found, part.count, part.random)
        drawn = part.samples().copy()
        count = drawn.shape[1]
        past = quantiles(values, panel, self.season, (np.arange(count) + 0.5) / count)
        sampled = np.take_along_axis(past, _ranks(np.moveaxis(drawn[own], 1, 2)), axis=2)
        drawn[own] = np.moveaxis(self._mix(np.moveaxis(drawn[own], 1, 2), sampled, values, scaling), 2, 1)
        return Paths(drawn)

    def _mix(self, said: np.ndarray, past: np.ndarray, values: np.ndarray, scaling: Scaling) -> np.ndarray:
        """Mixes quantiles (n, horizon, levels) of series with `values` (n, m)."""
        found: np.ndarray = said + self.weight * _reliance(values)[:, None, None] * (past - said)
        found = np.round(found) if scaling.kind == "counts" else found
        return found if scaling.floor is None else _settled(np.maximum(found, scaling.floor), values)


def measure(
    parts: Sequence[Forecast], panel: Panel, rows: np.ndarray, cuts: np.ndarray, scaling: Scaling, total: Total
) -> Past:
    """The weights that the held-out windows of all hosts make likely, given the forecasts of these windows; 0 if no series is one
    whose forecasts are mixed."""
    values = _values(panel, rows, cuts)
    use = _are_mixed(values, scaling)
    truth = panel.future(rows, cuts).astype(np.float64)
    use &= ~np.isnan(truth).all(axis=1)
    values, truth = values[use], truth[use]
    season = _seasonality(values, panel.layout.frequency.season, total)
    said = np.concatenate(
        [
            np.zeros((0, panel.layout.horizon, len(DECILES))),
            *(np.moveaxis(part.quantiles(DECILES.tolist()), 0, 2) for part in parts),
        ]
    )[use]
    past = quantiles(values, panel, season, DECILES)
    own = _losses(values, quantiles(values, panel, 0.0, DECILES, 1))
    summed, count = total([float(own.sum()), float(len(own))])
    if not count:
        return Past(0.0, 0.0)
    usual = np.maximum(own, max(SMALL * summed / count, 1e-9))
    weights = np.arange(STEPS + 1) / STEPS
    losses = [_losses(truth, Past(weight, season)._mix(said, past, values, scaling)) / usual for weight in weights]
    heights = np.array(total([-SHARPNESS * float(np.log(USUAL + loss).sum()) for loss in losses]))
    likely = np.exp(heights - heights.max())
    found = float(likely @ weights / likely.sum())
    return Past(found, season) if found >= LEAST else Past(0.0, 0.0)


def quantiles(
    values: np.ndarray, panel: Panel, season: float, levels: np.ndarray, steps: int | None = None
) -> np.ndarray:
    """Quantiles (n, horizon, levels) of past `values` (n, m), the last of which precedes the forecast. Each is one of the values.
    `steps` replaces the horizon."""
    horizon, period = steps or panel.layout.horizon, panel.layout.frequency.season
    order = np.argsort(values, axis=1, kind="stable")  # NaN last
    ascending, seen = np.take_along_axis(values, order, axis=1), ~np.isnan(values)
    every = seen / np.maximum(seen.sum(axis=1, keepdims=True), 1)
    phases = (np.arange(values.shape[1]) - values.shape[1]) % period
    found = np.zeros((len(values), horizon, len(levels)))
    for phase in range(min(horizon, period) if season else 1):
        same = seen & (phases == phase)
        count = same.sum(axis=1, keepdims=True)
        share = np.where(count > 0, season, 0.0)
        weights = np.take_along_axis((1 - share) * every + share * same / np.maximum(count, 1), order, axis=1)
        each = _at(ascending, weights, levels)[:, None]
        found[:, phase :: period if season else 1] = each
    return found


def _at(ascending: np.ndarray, weights: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """(n, levels): the least of the `ascending` values (n, m) up to which there is a share of `levels` of the `weights` (n, m)."""
    count, length = ascending.shape
    starts = np.arange(count)[:, None]
    heights = np.minimum(np.cumsum(weights, axis=1), 1.0) + 2 * starts
    places = np.searchsorted(heights.ravel(), (levels[None] + 2 * starts - 1e-9).ravel()).reshape(count, len(levels))
    last = np.maximum((~np.isnan(ascending)).sum(axis=1) - 1, 0)[:, None]
    return np.take_along_axis(ascending, np.clip(places - length * starts, 0, last), axis=1)


def _values(panel: Panel, rows: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """(n, m): the last values before the cuts, at most LONG."""
    steps = max(1, min(LONG, int(cuts.max(initial=1))))
    return panel.values(rows, cuts[:, None] + np.arange(-steps, 0)).astype(np.float64)


def _are_mixed(values: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Mask (n,) of the series that repeat a value, or are intermittent, as none is that may be negative."""
    repeated = _are_repeated(values)
    return repeated if scaling.floor is None else repeated | _are_intermittent(values)


def _are_repeated(values: np.ndarray) -> np.ndarray:
    """Mask (n,) of the series with a value that has a share of REPEATED, see there."""
    ascending, count = np.sort(values, axis=1), (~np.isnan(values)).sum(axis=1)  # NaN last
    least = np.maximum(np.ceil(REPEATED * count).astype(np.int64), FEWEST)
    places = np.arange(values.shape[1]) + least[:, None] - 1
    later = np.take_along_axis(ascending, np.minimum(places, values.shape[1] - 1), axis=1)
    found = ((places < count[:, None]) & (later == ascending)).any(axis=1)
    for row in np.flatnonzero(found):
        seen = values[row][~np.isnan(values[row])]
        each, often = np.unique(seen, return_counts=True)
        shares = [np.mean(part == each[often.argmax()]) for part in np.array_split(seen, PARTS)]
        found[row] = min(shares) >= REPEATED / 2
    return np.asarray(found)


def _are_intermittent(values: np.ndarray) -> np.ndarray:
    """Mask (n,) of the series with a share of at least ZEROS of zeros, see there."""
    seen, sold = ~np.isnan(values), np.abs(np.nan_to_num(values)) > 0
    begun, lasting = np.maximum.accumulate(sold, axis=1), np.maximum.accumulate(sold[:, ::-1], axis=1)[:, ::-1]
    count, filled = seen.sum(axis=1), sold.sum(axis=1)
    span = np.minimum((seen & begun).sum(axis=1), (seen & lasting).sum(axis=1))
    found: np.ndarray = (count > 0) & (filled <= (1 - ZEROS) * count) & (filled <= (1 - ZEROS) * span + DENSE)
    return found


def _settled(said: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Forecasts (n, horizon, levels) of series with `values` (n, m). Those of intermittent series between 0 and the smallest usual
    positive value become the nearer of both: hardly any value lies between them."""
    found, own = said.copy(), np.flatnonzero(_are_intermittent(values))
    positive = np.where(values[own] > 0, values[own], np.nan)
    own, positive = (each[~np.isnan(positive).all(axis=1)] for each in (own, positive))
    if len(own):
        least = np.nanquantile(positive, TYPICAL, axis=1, method="lower")[:, None, None]
        found[own] = np.where(said[own] < least / 2, 0.0, np.maximum(said[own], least))
    return found


def _reliance(values: np.ndarray) -> np.ndarray:
    """(n,): the share of the weight that a series with these values gets."""
    seen = (~np.isnan(values)).sum(axis=1)
    found: np.ndarray = seen / (seen + FEW)
    return found


def _seasonality(values: np.ndarray, period: int, total: Total) -> float:
    """The share of the variance of the phases' means, over all series, that isn't the one of means of values in random order."""
    phases = (np.arange(values.shape[1]) - values.shape[1]) % period
    which = phases[None] + period * np.arange(len(values))[:, None]
    seen = ~np.isnan(values)
    size = period * len(values)
    count = np.bincount(which[seen], minlength=size).reshape(-1, period)
    sums = np.bincount(which[seen], values[seen], size).reshape(-1, period)
    number, groups = count.sum(axis=1), (count > 0).sum(axis=1)
    mean = sums.sum(axis=1) / np.maximum(number, 1)
    between = (count * (sums / np.maximum(count, 1) - mean[:, None]) ** 2).sum(axis=1)
    variance = np.where(seen, (values - mean[:, None]) ** 2, 0).sum(axis=1) / np.maximum(number - 1, 1)
    use = (number > groups) & (groups > 1) & (variance > 0)
    apart, usual = total([float((between[use] / variance[use]).sum()), float((groups[use] - 1).sum())])
    return max(0.0, 1 - usual / apart) if apart > 0 else 0.0


def _losses(truth: np.ndarray, said: np.ndarray) -> np.ndarray:
    """(n,): the mean quantile losses of the deciles `said` (n, m or 1, 9) of values (n, m)."""
    beyond = truth[..., None] - said
    losses = np.maximum(DECILES * beyond, (DECILES - 1) * beyond)
    seen = ~np.isnan(losses)
    found: np.ndarray = np.where(seen, losses, 0).sum(axis=(1, 2)) / np.maximum(seen.sum(axis=(1, 2)), 1)
    return found


def _ranks(drawn: np.ndarray) -> np.ndarray:
    """The rank of each sample of a step, from 0 along the last axis; equal ones are ranked in random order."""
    random = np.random.default_rng(0).random(drawn.shape)
    order = np.lexsort((random, drawn), axis=-1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(drawn.shape[-1]), order.shape), axis=-1)
    return ranks
