"""Linear forecasts beside the network's: a ridge regression of a value on the inputs that a step of the network has, on the means
of the series and of its categories, on the series' own seasons, and on hours, days of the week and months, one by one.

Some hundred observations determine a few dozen weights better than those of a network. Each step's forecast is an input of the
steps after it. Groups of inputs have penalties of their own: features at all the lags, say, hardly ever matter, and there are many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.deepar.data import dataset, inputs
from sagewright.algorithms.deepar.data.frequency import RECENT
from sagewright.algorithms.deepar.data.inputs import Normal
from sagewright.algorithms.deepar.data.panel import Layout, Panel, Windows
from sagewright.algorithms.deepar.data.scaling import Levels, Scaling

NUMBERS, MOST_INPUTS = 3_000_000, 256
"""Limits on the numbers in the table that a regression is fitted to, and on its columns. With more columns there is none."""
FARTHEST = 10.0
"""Maximum distance of values from the level, in factors of the scaling."""
PARTS = 5
PENALTIES = 10.0 ** np.arange(-1, 7)
"""On the squared weights of columns of unit mean square, for the sum of squared errors. Each part of the series, or of fewer series
than PARTS of their values, is predicted by the others, and the penalties with the least errors there are taken."""
SWEEPS, BLOCKS = 2, 2
"""How often the penalty of each group is chosen, given those of the others; and the number of blocks in which each part of a few
series lies: successive values are alike."""
LONG, FAR = 600, 4.0
"""Number of values before a forecast from which the mean and the season are computed, and the distance of one from the mean around
it, in usual ones, beyond which it counts as this distance: a level that shifts is no season."""
ANYWHERE, RARE = 0.25, 0.5
"""The share of windows that are drawn from anywhere in a series, also from where it begins; and the share of missing values from
which on a lag isn't used: it would have large weights, which a few rows determine."""
LONGER_BACK = 8
"""Number of longer seasons, such as weeks of hours, from which the longer season is computed."""
TOGETHER = 1 << 20
"""Maximum number of inputs, and of past values, of windows that are made at once; at least those of one window."""
ADDED = 5
Total = Callable[[list[float]], list[float]]
"""Sums over all hosts."""


@dataclass(frozen=True)
class About:
    """Describes what a step's inputs depend on, beside the series; `reach`: see `Forecaster`."""

    scaling: Scaling
    normal: Normal
    reach: float

    def table(self, panel: Panel, windows: Windows, rows: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, Levels]:
        """The inputs (n, horizon, inputs) of the steps to forecast, and the levels."""
        told = inputs.told(windows, self.scaling, self.normal)
        x, levels = told.x[:, panel.layout.context :].astype(np.float64), told.levels
        values = slice(0, 1 + len(panel.layout.lags))
        x[..., values] = np.clip(x[..., values], -FARTHEST, FARTHEST)
        usual = self.scaling.levels(np.full_like(windows.history, np.nan), windows.cat).shift
        season, longer = panel.layout.frequency.season, panel.layout.frequency.longer_season
        mean, own = _long(panel, rows, cuts, season, LONG)
        own_longer = _long(panel, rows, cuts, longer, LONGER_BACK * longer)[1] if longer else np.zeros_like(own)
        apart = [np.nan_to_num((each - levels.shift) / levels.factor) for each in (mean, usual)]
        once = np.stack([*(np.clip(each, -FARTHEST, FARTHEST) for each in apart), np.ones(len(rows))], axis=1)
        once = np.repeat(once[:, None], x.shape[1], axis=1)
        scaled = (np.clip(each / levels.factor[:, None], -FARTHEST, FARTHEST) for each in (own, own_longer))
        short, long = (each[..., None] for each in scaled)
        ticks = panel.ticks(rows, cuts[:, None] + np.arange(x.shape[1]))
        return np.concatenate([x, once, short, panel.layout.frequency.phases(ticks), long], axis=2), levels


@dataclass(frozen=True)
class Linear:
    """The `weights` (inputs,) of a step, and the root mean square `error`, in factors of the scaling, at values that it did not
    learn from."""

    weights: np.ndarray
    error: float

    def forecast(self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, about: About) -> np.ndarray:
        """(n, horizon) in the target's units; NaN for series without values, and for those that are shorter than all windows that
        the weights were learnt from."""
        some = _together(panel.layout)
        parts = [slice(start, start + some) for start in range(0, len(rows), some)]
        empty = np.zeros((0, panel.layout.horizon))
        return np.concatenate([empty, *(self._ahead(panel, rows[part], cuts[part], about) for part in parts)])

    def _ahead(self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, about: About) -> np.ndarray:
        windows = panel.windows(rows, cuts)
        x, levels = about.table(panel, windows, rows, cuts)
        low, high = inputs.bounds(windows.history, about.scaling, levels, about.reach)
        back = (1, *panel.layout.lags)
        ahead = np.zeros((len(rows), panel.layout.horizon))
        for number in range(panel.layout.horizon):
            for column, lag in enumerate(back):
                if lag <= number:
                    x[:, number, column] = np.clip(ahead[:, number - lag], -FARTHEST, FARTHEST)
                    x[:, number, len(back) + column] = 0
            ahead[:, number] = np.clip(x[:, number] @ self.weights, low, high)
        unknown = np.isnan(windows.history).all(axis=1) | (cuts < panel.layout.least)
        return np.where(unknown[:, None], np.nan, about.scaling.own(ahead, levels))


def width(layout: Layout) -> int:
    """The number of inputs of a step."""
    return inputs.width(layout) + inputs.direct(layout) + ADDED + layout.frequency.phases_width


def groups(layout: Layout) -> np.ndarray:
    """(inputs,): the group of each input of a step. 0: the last values and those a season before, the step's features, means and
    seasons; 1: the other lags; 2: the calendar's waves, age and unrest; 3: features at the lags; 4: single hours, weekdays, months.
    """
    season, back = layout.frequency.season, (1, *layout.lags)
    lags = [0 if lag <= RECENT or abs(lag - season) <= 1 else 1 for lag in back]
    lagged = [*[0] * layout.features, *[3] * (layout.features * len(back))] * 2 if layout.direct else []
    found = [
        *lags, *lags, *[2] * (layout.frequency.width + 2), *[0] * layout.features, *lagged, *[0] * (ADDED - 1),
        *[4] * layout.frequency.phases_width, 0,
    ]  # fmt: skip
    return np.array(found)


def _together(layout: Layout) -> int:
    """The number of windows whose inputs, and the values from which their longer season is computed, are made at once."""
    past = LONGER_BACK * (layout.frequency.longer_season or 0)
    return max(1, TOGETHER // max(layout.steps * width(layout), past))


def fit(panel: Panel, about: About, total: Total, seed: list[int]) -> Linear | None:
    """A linear model of the series of all hosts; None if there are too many inputs or no values."""
    count = width(panel.layout)
    if count > MOST_INPUTS:
        return None
    power, along, rows, squares = np.zeros((PARTS, count, count)), np.zeros((PARTS, count)), 0, 0.0
    for x, y, part in _rows(panel, about, NUMBERS // count, np.random.default_rng(seed)):
        rows, squares = rows + len(y), squares + float(y @ y)
        for number in range(PARTS):
            own = x[part == number]
            power[number] += own.T @ own
            along[number] += own.T @ y[part == number]
    sums = np.array(total([*power.ravel().tolist(), *along.ravel().tolist(), float(rows), squares]))
    power, along = sums[: power.size].reshape(power.shape), sums[power.size : -2].reshape(along.shape)
    use = np.diagonal(power.sum(axis=0)) > 0
    back = 1 + len(panel.layout.lags)
    missing = np.diagonal(power.sum(axis=0))[back : 2 * back]
    use[: 2 * back] &= np.tile(missing <= RARE * sums[-2], 2)
    weights = np.zeros(count)
    if not use.any():
        return None
    weights[use], less = _ridge(power[:, use][:, :, use], along[:, use], sums[-2], groups(panel.layout)[use])
    return Linear(weights, float(np.sqrt(max(sums[-1] + less, 0.0) / sums[-2])))


def _ridge(power: np.ndarray, along: np.ndarray, rows: float, group: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights (d,) from the products of inputs (parts, d, d) and of inputs and values (parts, d), and the inputs' groups (d,); and
    the sum of squared errors of left-out values, less the sum of their squares."""
    scale = np.sqrt(np.diagonal(power.sum(axis=0)) / rows)
    power, along = power / np.outer(scale, scale), along / scale
    penalties, loss = penalised(power, along, group)
    return solved(power.sum(axis=0), along.sum(axis=0), penalties) / scale, loss


def penalised(power: np.ndarray, along: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, float]:
    """The best penalties (d,), one for all inputs of a `group` (d,), and as above the sum of squared errors with them."""
    every, told = power.sum(axis=0), along.sum(axis=0)

    def loss_of(penalties: np.ndarray) -> float:
        loss = 0.0
        for own, its in zip(power, along, strict=True):
            weights = solved(every - own, told - its, penalties)
            loss += float(weights @ own @ weights - 2 * its @ weights)
        return loss

    tried = [np.full(len(group), penalty) for penalty in PENALTIES]
    losses = [loss_of(each) for each in tried]
    best = int(np.argmin(losses))
    found, least = tried[best], losses[best]
    each = np.unique(group)
    for own in np.tile(each, SWEEPS) if len(each) > 1 else ():
        for penalty in PENALTIES:
            other = np.where(group == own, penalty, found)
            if (other != found).any() and (loss := loss_of(other)) < least:
                found, least = other, loss
    return found, least


def solved(power: np.ndarray, along: np.ndarray, penalties: np.ndarray) -> np.ndarray:
    """Weights (d,) with the `penalties` (d,)."""
    found: np.ndarray = np.linalg.solve(power + np.diag(penalties), along)
    return found


def _rows(
    panel: Panel, about: About, most: int, random: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Inputs, scaled values and the part of the steps that follow drawn positions."""
    layout = panel.layout
    places = np.maximum(panel.lengths - layout.least, 0)
    windows = max(1, min(most // layout.horizon, int(places.sum())))
    some = _together(layout)
    for start in range(0, windows if places.any() else 0, some):
        rows = random.choice(len(panel), min(some, windows - start), p=places / places.sum())
        cuts = _cuts(panel, rows, random)
        drawn = panel.windows(rows, cuts)
        x, levels = about.table(panel, drawn, rows, cuts)
        y = about.scaling.relative(drawn.values[:, layout.context :], levels).astype(np.float64)
        seen = ~np.isnan(y) & ~np.isnan(drawn.history).all(axis=1)[:, None]
        yield x[seen], np.clip(y[seen], -FARTHEST, FARTHEST), _parts(panel, rows, cuts)[seen]


def _parts(panel: Panel, rows: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """(n, horizon): the part to which each value after the cuts belongs, with its series or, of a few series, by its place."""
    places = cuts[:, None] + np.arange(panel.layout.horizon)
    if len(panel) >= PARTS:
        return np.broadcast_to((rows % PARTS)[:, None], places.shape)
    return np.asarray(places // np.maximum(panel.lengths[rows] // (PARTS * BLOCKS), 1)[:, None] % PARTS)


def _cuts(panel: Panel, rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Positions (n,) at which forecasts begin: most where the lags before them are known, the rest anywhere."""
    latest = panel.lengths[rows] - 1
    longest = np.minimum(max(panel.layout.lags, default=1), panel.lengths[rows] // 2)
    earliest = np.minimum(np.maximum(panel.layout.least, longest), latest)
    late = earliest + np.floor(random.random(len(rows)) * (latest - earliest + 1)).astype(np.int64)
    return np.where(random.random(len(rows)) < ANYWHERE, dataset.cuts(panel, rows, random), late)


def _long(panel: Panel, rows: np.ndarray, cuts: np.ndarray, season: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean (n,) of at most the last `most` values before the cuts, NaN where there is none; and for each step (n, horizon) the
    mean deviation of the values some seasons before it from the mean of the season around each, 0 where there is none."""
    steps = max(season, min(most, int(cuts.max(initial=1))) // season * season)
    past = panel.levelled(rows, cuts[:, None] + np.arange(-steps, 0), cuts).astype(np.float64)
    seen = ~np.isnan(past)
    filled, count = np.where(seen, past, 0), seen.sum(axis=1)
    mean = np.where(count > 0, filled.sum(axis=1) / np.maximum(count, 1), np.nan)
    sums, known = (np.pad(each.cumsum(axis=1), ((0, 0), (1, 0))) for each in (filled, seen.astype(np.float64)))
    asked = np.arange(0, steps, season)[:, None] + np.arange(min(panel.layout.horizon, season))
    first = np.clip(asked - season // 2, 0, steps - season)
    around, known = sums[:, first + season] - sums[:, first], known[:, first + season] - known[:, first]
    apart = np.where(seen[:, asked] & (known >= season / 2), past[:, asked] - around / np.maximum(known, 1), np.nan)
    apart = _near(apart.reshape(len(rows), -1)).reshape(apart.shape)
    there = ~np.isnan(apart)
    phases = np.where(there, apart, 0).sum(axis=1) / (there.sum(axis=1) + 1)
    return mean, phases[:, np.arange(panel.layout.horizon) % season]


def _near(apart: np.ndarray) -> np.ndarray:
    """Deviations (n, m), none farther than FAR times the row's usual one."""
    sizes = np.sort(np.abs(apart), axis=1)
    middle = np.maximum((~np.isnan(sizes)).sum(axis=1) - 1, 0) // 2
    usual = np.take_along_axis(sizes, middle[:, None], axis=1)
    limit = np.where(usual > 0, FAR * usual, np.inf)
    return np.clip(apart, -limit, limit)
