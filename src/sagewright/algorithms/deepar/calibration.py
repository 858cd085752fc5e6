"""Calibrates forecasts on held-out windows: the last steps of some series, which only the last epochs learn from.

A network that has seen all of its series is overconfident. The gaps between the median and the samples above and
below it are widened or narrowed until a tenth of the held-out values lie beyond each of the quantiles at 0.1 and 0.9.
The medians share their place with linear forecasts (`linear`) and exponential smoothing of each series (`experts`), as far as
those err less on the held-out windows; where all together are worse than the last season's values, they are moved towards them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sagewright.algorithms.deepar.beside import experts, past
from sagewright.algorithms.deepar.beside.linear import About, Linear, Total
from sagewright.algorithms.deepar.beside.past import Past
from sagewright.algorithms.deepar.data import inputs
from sagewright.algorithms.deepar.data.panel import Layout, Panel
from sagewright.algorithms.deepar.data.scaling import Scaling
from sagewright.algorithms.deepar.forecasts import Forecast, Forecasting, Paths, Quantiles
from sagewright.algorithms.firstparty import baseline

SETTLING, FEWEST_EPOCHS = 0.5, 5
"""Share of the epochs, the last ones, that learn from the held-out windows too; of fewer epochs none does."""
FEWEST, MOST, PART, SAMPLES, COST = 20, 200, 0.1, 50, 0.04
"""Numbers of windows to hold out, several of a series only up to PART of its length; samples of each. Their steps are at most the
share COST of those of training, each of which counts three times.
"""
TAIL = 0.1
"""The share of values beyond each of the two quantiles that are calibrated."""
STRETCHES = np.exp(np.linspace(-np.log(3), np.log(3), 61))
NARROWING = 0.5
"""Share of a stretch below 1 that is used: series that end at the same time share what happened there, and may be calm together."""
NORMAL = 1.2816
"""The quantile of the normal distribution at 1 - TAIL."""
NARROWEST = 0.1
"""The smallest gap of the network that is widened, as a share of the linear model's: samples far out move by the same factor."""
LEAST, TINY = 0.02, 1e-9
"""The smallest share of other forecasts than the network's that is used, and the smallest mean error."""
PRIOR = 4.0
"""Number of windows of a forecaster that needs no calibration, which the held-out ones are added to."""
STEPS = 4
"""Shares that are compared: 0, 1 / STEPS, ..., 1. The last epochs improve the network no more than further values do the others."""
VALUES = 3000
"""Fewer values than these teach a network little: its share's likelihood falls by e for each time that they would fit in here."""
SMOOTHERS = ("theta", "ces", "damped")
SMOOTHED = 20
"""Series of fewer values are not smoothed."""
LEAST_ERROR = 0.05
"""The smallest error of a window that counts, in multiples of the mean one."""


@dataclass(frozen=True)
class Calibration:
    """Factors of the gaps below and above the median, the `share` of the median's deviation from the last season's values, and the
    shares of the `network` and of exponential `smoothing` in the median, the rest of which is the linear forecast's; `past` and
    `season`: see `Past`; `ces` and `damped`: the shares of these experts in smoothing, the rest of which is the theta model's."""

    below: float = 1.0
    above: float = 1.0
    share: float = 1.0
    network: float = 1.0
    past: float = 0.0
    season: float = 0.0
    smoothing: float = 0.0
    ces: float = 0.0
    damped: float = 0.0

    @property
    def smoothers(self) -> np.ndarray:
        """(3,): the shares of SMOOTHERS in smoothing."""
        return np.array([max(1 - self.ces - self.damped, 0.0), self.ces, self.damped])

    @property
    def shares(self) -> np.ndarray:
        """(3,): the shares of the network, of the linear model and of smoothing in the medians."""
        return np.array([self.network, max(1 - self.network - self.smoothing, 0.0), self.smoothing])

    @property
    def is_plain(self) -> bool:
        """True if medians and gaps stay as they are."""
        return self.below == self.above == self.share == self.network == 1


@dataclass(frozen=True)
class Beside:
    """A linear model, if there is one, and what its inputs depend on."""

    linear: Linear | None
    about: About

    def points(self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, centre: np.ndarray) -> np.ndarray:
        """Linear forecasts (n, horizon); the medians `centre` of a network where there is none."""
        if self.linear is None:
            return centre
        found = self.linear.forecast(panel, rows, cuts, self.about)
        return np.where(np.isnan(found), centre, found)

    def smoothed(
        self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, names: Sequence[str] = SMOOTHERS
    ) -> np.ndarray:
        """Forecasts (names, n, horizon) of exponential smoothing, within the same bounds as the others; NaN for series of few
        values, and where values reach back two seasons of a kind that smoothing doesn't know."""
        found = np.full((len(names), len(rows), panel.layout.horizon), np.nan)
        steps = np.arange(-min(experts.LONGEST, int(cuts.max(initial=1))), 0)
        past = panel.levelled(rows, cuts[:, None] + steps, cuts)
        use = (~np.isnan(past)).sum(axis=1) >= SMOOTHED
        if not use.any() or not _has_one_season(panel.layout):
            return found
        said = experts.of_panel(names, list(past[use]), panel.layout)
        before = panel.before(rows[use], cuts[use])
        levels = self.about.scaling.levels(before)
        low, high = inputs.bounds(before, self.about.scaling, levels, self.about.reach)
        scaled = (said - levels.shift[:, None]) / levels.factor[:, None]
        for name, each in enumerate(np.clip(scaled, low[:, None], high[:, None])):
            found[name, use] = self.about.scaling.own(each, levels)
        return found

    def medians(
        self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, centre: np.ndarray, calibration: Calibration
    ) -> np.ndarray:
        """The weighted mean (n, horizon) of the network's medians `centre` and the others', by the shares of `calibration`."""
        shares, smoothers = calibration.shares, calibration.smoothers
        linear = self.points(panel, rows, cuts, centre) if shares[1] else centre
        smoothed = np.full_like(centre, np.nan)
        if shares[2]:
            names = [name for name, share in zip(SMOOTHERS, smoothers, strict=True) if share]
            smoothed = np.tensordot(smoothers[smoothers > 0], self.smoothed(panel, rows, cuts, names), axes=1)
        return _mixed(np.stack([centre, linear, smoothed]), shares)

    def widening(self, edges: np.ndarray, factor: np.ndarray, share: float) -> np.ndarray:
        """Factors (n, horizon) of the gaps between the network's `edges` (2, n, horizon), its quantiles at TAIL and 1 - TAIL, with
        which they are the mean of these gaps and of the linear model's, by the network's `share` in both."""
        if self.linear is None or share == 1:
            return np.ones(edges.shape[1:])
        linear = np.maximum(2 * NORMAL * self.linear.error, TINY) * factor[:, None]
        found: np.ndarray = share + (1 - share) * linear / np.maximum(edges[1] - edges[0], NARROWEST * linear)
        return found


@dataclass(frozen=True)
class HeldOut:
    """Held-out windows of a panel, their series `rows` (n,) and `cuts` (n,); `known` is the panel without them."""

    panel: Panel
    known: Panel
    rows: np.ndarray
    cuts: np.ndarray

    @classmethod
    def of(
        cls, panel: Panel, most: int, random: np.random.Generator, each: int = 1, share: float = PART
    ) -> HeldOut:  # fmt: skip
        """Holds out at most `most` windows, the last ones of series that are long enough: `each` of one, or more if there are few
        series. Several windows of a series take at most a `share` of it."""
        horizon = panel.layout.horizon
        rows = np.flatnonzero(panel.lengths >= panel.layout.least + 2 * horizon)
        if len(rows) > most:
            rows = np.sort(random.choice(rows, most, replace=False))
        count = max(len(rows), 1)
        each = max(1, min(max(each, FEWEST // count), most // count))
        counts = np.clip((share * panel.lengths[rows] / horizon).astype(np.int64), 1, each)
        lengths = panel.lengths.copy()
        lengths[rows] -= counts * horizon
        back = np.concatenate([np.arange(1, count + 1) for count in counts]) if len(rows) else counts
        rows = np.repeat(rows, counts)
        return cls(panel, panel.until(lengths), rows, panel.lengths[rows] - back * horizon)


def windows(training_steps: int, horizon: int) -> int:
    """The number of windows to hold out, given the steps of all windows that are learnt from."""
    return int(np.clip(3 * COST * training_steps / (SAMPLES * horizon), FEWEST, MOST))


def settling(epochs: int) -> int:
    """The number of epochs that don't learn from the held-out windows."""
    return epochs if epochs < FEWEST_EPOCHS else math.ceil((1 - SETTLING) * epochs)


@dataclass(frozen=True)
class Calibrated:
    """A calibrated forecaster."""

    plain: Forecasting
    calibration: Calibration
    beside: Beside

    @property
    def scaling(self) -> Scaling:
        return self.beside.about.scaling

    def forecast(
        self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, samples: int, random: np.random.Generator
    ) -> Iterator[Forecast]:
        done = 0
        for part in self.plain.forecast(panel, rows, cuts, samples, random):
            own = slice(done, done + len(part))
            done += len(part)
            yield self.finished(part, panel, rows[own], cuts[own])

    def finished(self, part: Forecast, panel: Panel, rows: np.ndarray, cuts: np.ndarray) -> Forecast:
        """Calibrates the network's forecast `part` of these windows, and mixes it with past values."""
        is_plain = self.calibration.is_plain or self.scaling.kind == "counts"
        found = part if is_plain else self._stretched(part, panel, rows, cuts)
        return Past(self.calibration.past, self.calibration.season).mixed(found, panel, rows, cuts, self.scaling)

    def _stretched(self, part: Forecast, panel: Panel, rows: np.ndarray, cuts: np.ndarray) -> Forecast:
        centre = part.quantiles([0.5])[0]
        moved, wider = centre, np.ones_like(centre)
        if self.calibration.network < 1:
            shares = self.calibration.shares
            moved = self.beside.medians(panel, rows, cuts, centre, self.calibration)
            factor = self.scaling.levels(panel.before(rows, cuts)).factor
            wider = self.beside.widening(part.quantiles([TAIL, 1 - TAIL]), factor, _of_both(shares))
        if self.calibration.share < 1:
            naive = seasonal(panel, rows, cuts)
            moved = np.where(np.isnan(naive), centre, naive + self.calibration.share * (moved - naive))
        if isinstance(part, Quantiles):
            values = self._moved((part.values - centre[..., None]) * wider[..., None], moved[..., None])
            return Quantiles(values, part.count, part.random)
        return Paths(self._moved((part.samples() - centre[:, None]) * wider[:, None], moved[:, None]))

    def _moved(self, gaps: np.ndarray, moved: np.ndarray) -> np.ndarray:
        found = moved + gaps * np.where(gaps < 0, self.calibration.below, self.calibration.above)
        return np.clip(found, self.scaling.floor, 1.0 if self.scaling.kind == "shares" else None)


def seasonal(panel: Panel, rows: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """(n, horizon): the values one season before, or the last one where that is missing; NaN if there is none."""
    layout = panel.layout
    season = layout.frequency.season
    before = panel.values(rows, cuts[:, None] + np.arange(-layout.history, 0))
    places = np.arange(before.shape[1])
    seen = np.where(np.isnan(before), -1, places).max(axis=1)
    last = np.where(seen < 0, np.nan, np.take_along_axis(before, np.maximum(seen, 0)[:, None], axis=1)[:, 0])
    found = before[:, before.shape[1] - season + np.arange(layout.horizon) % season]
    return np.where(np.isnan(found), last[:, None], found).astype(np.float64)


def measure(plain: Forecasting, held: HeldOut, beside: Beside, total: Total) -> tuple[Calibration, float] | None:
    """Calibrates a forecaster on the held-out windows of all hosts. Also returns the medians' mean error as a multiple of the
    seasonal naive forecast's. Returns None if there is nothing to compare.
    """
    panel, rows, cuts = held.panel, held.rows, held.cuts
    parts = list(plain.forecast(panel, rows, cuts, SAMPLES, np.random.default_rng(0)))
    shape = (0, panel.layout.horizon)
    low, centre, high = (
        np.concatenate([np.zeros(shape), *(part.quantiles([level])[0] for part in parts)])
        for level in (TAIL, 0.5, 1 - TAIL)
    )
    naive, truth = seasonal(panel, rows, cuts), panel.future(rows, cuts).astype(np.float64)
    factor = beside.about.scaling.levels(panel.before(rows, cuts)).factor[:, None]
    seen = ~np.isnan(truth) & ~np.isnan(naive)
    counted = np.where(seen, 1 / np.maximum(seen.sum(axis=1), 1)[:, None], 0.0)  # a series counts once

    def errors_of(forecasts: list[np.ndarray]) -> np.ndarray:
        each = [np.nansum(counted * np.abs(truth - forecast) / factor, axis=1) for forecast in forecasts]
        return np.stack(each)[:, seen.any(axis=1)]

    (count,) = total([float(seen.any(axis=1).sum())])
    if not count:
        return None
    shares, smoothers, middle = np.array([1.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]), centre
    if beside.linear is not None:
        smoothed = beside.smoothed(panel, rows, cuts)
        smoothers = _of_smoothers(smoothed, errors_of, total)
        members = np.stack(
            [centre, beside.points(panel, rows, cuts, centre), np.tensordot(smoothers, smoothed, axes=1)]
        )
        tried = _shares(_has_one_season(panel.layout))
        values = total([float(panel.lengths.sum())])[0]
        shares = _likely(errors_of([_mixed(members, each) for each in tried]), tried, values, total)
        middle = _mixed(members, shares)
    wider = beside.widening(np.stack([low, high]), factor[:, 0], _of_both(shares))
    moved = [naive + share * (middle - naive) for share in baseline.SHARES]
    errors = errors_of(moved)
    losses = _tempered(errors, total)
    best = 0 if beside.about.scaling.kind == "counts" else baseline.share(losses, losses[-1])
    above, below = (
        _stretch(sign * (truth - moved[best]), sign * (edge - centre) * wider, counted, count, total)
        for sign, edge in ((1, high), (-1, low))
    )
    ours, last = total(errors[[best, -1]].sum(axis=1).tolist())
    ratio = baseline.ratio(ours / count, last / count)
    baseline.warn(ratio)
    found = Calibration(
        below, above, baseline.shrunk(best), float(shares[0]), smoothing=float(shares[2]), ces=float(smoothers[1]),
        damped=float(smoothers[2]),
    )  # fmt: skip
    return _with_past(Calibrated(plain, found, beside), parts, held, total), ratio


def _with_past(own: Calibrated, parts: list[Forecast], held: HeldOut, total: Total) -> Calibration:
    """The calibration with the weight of past values beside the network's forecasts `parts` of the held-out windows."""
    finished, done = [], 0
    for part in parts:
        these = slice(done, done + len(part))
        done += len(part)
        finished.append(own.finished(part, held.panel, held.rows[these], held.cuts[these]))
    found = past.measure(finished, held.panel, held.rows, held.cuts, own.scaling, total)
    return replace(own.calibration, past=found.weight, season=found.season)


def _has_one_season(layout: Layout) -> bool:
    """True unless two of a longer season than the one that smoothing knows fit in the longest series of training."""
    longest = max(layout.frequency.seasons, default=1)
    return longest == layout.frequency.season or 2 * longest not in layout.lags


def _mixed(members: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The mean (n, horizon) of the medians of the network, of the linear model and of smoothing (3, n, horizon) by their `shares`
    (3,). Where there is no smoothing, the others share its place."""
    first = _of_both(shares)
    both = first * members[0] + (1 - first) * members[1]
    return np.where(np.isnan(members[2]), both, (1 - shares[2]) * both + shares[2] * np.nan_to_num(members[2]))


def _of_both(shares: np.ndarray) -> float:
    """The network's share beside the linear model alone."""
    return float(shares[0] / (shares[0] + shares[1])) if shares[0] + shares[1] > 0 else 1.0


def _shares(smooths: bool) -> np.ndarray:
    """(m, 3): the shares that are compared."""
    found = np.array([(one, two, STEPS - one - two) for one in range(STEPS + 1) for two in range(STEPS + 1 - one)])
    return (found if smooths else found[found[:, 2] == 0]) / STEPS


def _of_smoothers(
    smoothed: np.ndarray, errors_of: Callable[[list[np.ndarray]], np.ndarray], total: Total
) -> np.ndarray:
    """The shares (3,) of SMOOTHERS, whose forecasts are `smoothed` (3, n, horizon): the mean of all that are compared, weighted by
    the likelihoods that windows' errors give each of them."""
    tried = _shares(True)
    errors = errors_of([np.tensordot(each, smoothed, axes=1) for each in tried])
    errors = errors[:, errors.any(axis=0)]  # the others have no smoothing
    if not total([float(errors.shape[1])])[0]:
        return np.array([1.0, 0.0, 0.0])
    heights = -np.array(_tempered(errors, total))
    weights = np.exp(heights - heights.max())
    found: np.ndarray = weights @ tried / weights.sum()
    found = np.where(found < LEAST, 0, found)
    return found / found.sum()


def _likely(errors: np.ndarray, shares: np.ndarray, values: float, total: Total) -> np.ndarray:
    """The mean (3,) of the `shares` (m, 3), weighted by the likelihoods that windows' absolute `errors` (m, n) give each of them,
    and by a prior that is against the network where there are few `values` to learn from."""
    network = shares[:, 0]
    heights = -np.array(_tempered(errors, total)) - VALUES / values * network
    weights = np.exp(heights - heights.max())
    found = np.asarray(weights @ shares / weights.sum())
    if found[0] > 1 - LEAST:
        return np.array([1.0, 0.0, 0.0])
    found[2] = found[2] if found[2] >= LEAST else 0.0
    return found / found.sum()


def _tempered(errors: np.ndarray, total: Total) -> list[float]:
    """The sums of logarithms of all hosts' mean absolute errors (forecasts, n), to each of which a usual one is added: windows in
    which nothing can be foreseen, as where a level shifts, don't hide the difference in the others."""
    least = errors.min(axis=0)
    summed, count = total([float(least.sum()), float(least.size)])
    floor = max(LEAST_ERROR * summed / count, TINY)
    (logs,) = total([float(np.log(np.maximum(least, floor)).sum())])
    return total(np.log(errors + math.exp(logs / count)).sum(axis=1).tolist())


def _stretch(beyond: np.ndarray, gaps: np.ndarray, counted: np.ndarray, count: float, total: Total) -> float:
    """The factor of the gaps with which a share of TAIL of the values lie beyond them, drawn towards 1 by PRIOR."""
    with np.errstate(invalid="ignore"):
        there = (counted > 0) & (gaps > 0)
        ours = [float((counted * (there & (beyond > each * gaps))).sum()) for each in STRETCHES]
    *sums, known = total([*ours, float((counted * there).sum())])
    if known <= 0:
        return 1.0
    shares = np.maximum.accumulate((np.array(sums) / known)[::-1])  # ascending, from the widest
    found = float(np.interp(TAIL, shares, np.log(STRETCHES)[::-1]))
    return float(np.exp(found * (NARROWING if found < 0 else 1.0) * count / (count + PRIOR)))
