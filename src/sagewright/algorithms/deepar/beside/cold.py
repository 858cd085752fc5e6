"""Forecasts of series with no or few values, from their categories, the calendar and dynamic features.

A ridge regression of the values, relative to the typical level of their categories, on all hours, days of the week or months, on
the features, and on the products of these with the categories. A network only learns to continue values, and has never begun a
series. The few values that a series may have already move its forecast, as far as the differences between series are greater than
those within one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from sagewright.algorithms.deepar.beside import comparison, linear
from sagewright.algorithms.deepar.beside.linear import About, Total
from sagewright.algorithms.deepar.data.panel import Layout, Panel
from sagewright.algorithms.deepar.forecasts import LEVELS, Forecast, Forecasting, Paths, Quantiles

NUMBERS, MOST_INPUTS = 3_000_000, 512
"""Limits on the numbers in the table that the regression is fitted to, and on its columns, see `Columns`."""
FARTHEST = 10.0
"""Maximum distance of values from the typical level, in median distances."""
TOGETHER = 1 << 20
"""Maximum number of inputs that are made at once; at least those of one step."""
PAIRS, LEAST = 20_000, 1e-6
"""Number of pairs of values of a series that are compared, and the smallest share of variance."""
WINDOWS, SAMPLES = 60, 50
"""Number of windows in which it is compared with the network, and the network's samples of each."""
FAR_FEATURE = 10.0
"""Maximum distance of a feature from its mean, in deviations."""


@dataclass(frozen=True)
class Columns:
    """The inputs of a step: `own` ones stand by themselves and, if `crossed`, beside each category of the `places`. Those of the
    smallest cardinalities are used, as many as there is room for with their products, or else without."""

    own: int
    places: tuple[int, ...]
    cardinality: tuple[int, ...]
    crossed: bool

    @classmethod
    def of(cls, layout: Layout) -> Columns:
        own = layout.frequency.phases_width + layout.features
        order = sorted(range(len(layout.cardinality)), key=layout.cardinality.__getitem__)
        for crossed in (True, False):
            for count in range(len(order), 0, -1):
                found = cls(own, tuple(order[:count]), layout.cardinality, crossed)
                if found.width <= MOST_INPUTS:
                    return found
        return cls(own, (), layout.cardinality, False)

    @property
    def width(self) -> int:
        categories = sum(self.cardinality[place] for place in self.places)
        return 2 + self.own + categories * (1 + self.own * self.crossed)


@dataclass(frozen=True)
class Cold:
    """The `weights` (inputs,) of a step, and quantiles `errors` (LEVELS,) of what is left of series that it did not learn from, in
    factors of the typical level; `near`: the share of its variance within a short time of one series; `until`: the number of steps
    from which on a series is not forecast."""

    weights: np.ndarray
    errors: np.ndarray
    near: float = 1.0
    until: int = 1

    def covers(self, panel: Panel, rows: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        """Mask (n,) of the series that are forecast: those without a recent value, and those that began fewer than `until` steps
        before the forecast."""
        count = (~np.isnan(panel.before(rows, cuts))).sum(axis=1)
        found = count == 0
        for place in np.flatnonzero(~found & (count < self.until)):
            past = panel.past(int(rows[place]), int(cuts[place]))
            found[place] = len(past) - np.argmax(~np.isnan(past)) < self.until
        return np.asarray(found)

    def quantiles(self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, about: About) -> np.ndarray:
        """(n, horizon, LEVELS) of the series `rows`, in the target's units."""
        history, horizon = panel.layout.history, panel.layout.horizon
        shift, factor = (each[:, None] for each in _typical(panel, rows, about))
        left = (panel.before(rows, cuts) - shift) / factor
        known = ~np.isnan(left)
        left = left - self._middle(panel, rows, cuts[:, None] + np.arange(-history, 0), about, known)
        count = known.sum(axis=1)
        doubt = self.near / max(1 - self.near, LEAST)
        moved = np.where(known, left, 0).sum(axis=1) / (count + doubt)
        narrower = np.where(count > 0, np.sqrt(self.near * (1 + 1 / (count + doubt))), 1.0)
        middle = self._middle(panel, rows, cuts[:, None] + np.arange(horizon), about) + moved[:, None]
        found = shift[..., None] + factor[..., None] * (middle[..., None] + narrower[:, None, None] * self.errors)
        return np.asarray(found if about.scaling.floor is None else np.maximum(found, about.scaling.floor))

    def _middle(
        self, panel: Panel, rows: np.ndarray, places: np.ndarray, about: About, use: np.ndarray | None = None
    ) -> np.ndarray:
        """(n, T) of `places` (n, T); 0 where one isn't to be used."""
        use = np.ones(places.shape, bool) if use is None else use
        found, each, at = np.zeros(places.shape), np.repeat(rows, use.sum(axis=1)), places[use]
        some = max(1, TOGETHER // len(self.weights))
        parts = [slice(start, start + some) for start in range(0, len(each), some)]
        said = [_inputs(panel, each[part], at[part], about) @ self.weights for part in parts]
        found[use] = np.concatenate([np.zeros(0), *said])
        return found


@dataclass(frozen=True)
class Begun:
    """Forecasts of the series that `cold` covers by it, and those of the others as `known` makes them."""

    known: Forecasting
    cold: Cold
    about: About

    def forecast(
        self, panel: Panel, rows: np.ndarray, cuts: np.ndarray, samples: int, random: np.random.Generator
    ) -> Iterator[Forecast]:
        done = 0
        for part in self.known.forecast(panel, rows, cuts, samples, random):
            own, at = rows[done : done + len(part)], cuts[done : done + len(part)]
            done += len(part)
            new = self.cold.covers(panel, own, at)
            yield self._replaced(part, new, panel, own, at, random) if new.any() else part

    def _replaced(
        self,
        part: Forecast,
        new: np.ndarray,
        panel: Panel,
        rows: np.ndarray,
        cuts: np.ndarray,
        random: np.random.Generator,
    ) -> Forecast:
        values = self.cold.quantiles(panel, rows[new], cuts[new], self.about)
        if isinstance(part, Quantiles):
            found = part.values.copy()
            found[new] = values
            return Quantiles(found, part.count, part.random)
        drawn = part.samples().copy()
        drawn[new] = Quantiles(values, drawn.shape[1], random).samples()
        return Paths(drawn)


def fit(panel: Panel, about: About, total: Total, seed: list[int]) -> Cold | None:
    """A regression on the series of all hosts; None if there are too many inputs or no values."""
    count = Columns.of(panel.layout).width
    if count > MOST_INPUTS:
        return None
    random = np.random.default_rng(seed)
    most = min(NUMBERS // count, int(panel.lengths.sum()))
    rows = random.choice(len(panel), most, p=panel.lengths / panel.lengths.sum())
    places = (random.random(most) * panel.lengths[rows]).astype(np.int64)
    rows, x, y = _table(panel, rows, places, about)
    middle, hosts = total([float(np.median(np.abs(y))) if len(y) else 0.0, float(len(y) > 0)])
    if not hosts:
        return None
    farthest = max(FARTHEST * middle / hosts, LEAST)
    y = np.clip(y, -farthest, farthest)
    parts = [rows % linear.PARTS == number for number in range(linear.PARTS)]
    sums = [*(x[part].T @ x[part] for part in parts), *(x[part].T @ y[part] for part in parts)]
    added = np.array(total(np.concatenate([each.ravel() for each in sums]).tolist()))
    power = added[: linear.PARTS * count**2].reshape(linear.PARTS, count, count)
    along = added[linear.PARTS * count**2 :].reshape(linear.PARTS, count)
    penalty, _ = linear.penalised(power, along, np.zeros(count))
    every, told = power.sum(axis=0), along.sum(axis=0)
    of_others = np.stack([
        linear.solved(every - own, told - its, penalty) for own, its in zip(power, along, strict=True)
    ])  # fmt: skip
    left = y - (x * of_others[rows % linear.PARTS]).sum(axis=1)
    *spread, squares, known = total([
        *(np.quantile(left, LEVELS) * len(left) if len(left) else np.zeros(len(LEVELS))).tolist(),
        float(left @ left), float(len(left)),
    ])  # fmt: skip
    near = _near(panel, about, of_others, farthest, total, random)
    share = float(np.clip(near / max(squares / known, LEAST), LEAST, 1.0)) if near is not None else 1.0
    errors = np.array(spread) / known
    if not (power[:, 0, 0] > 0).all():  # of a few series, the others say nothing of the level of one
        errors -= errors[LEVELS.index(0.5)]
    return Cold(linear.solved(every, told, penalty), errors, share)


def measured(own: Cold, network: Forecasting, panel: Panel, about: About, total: Total, seed: list[int]) -> Cold:
    """The regression with the number of steps until which it forecasts series: where they begin in training, it errs less than the
    `network`, which learns from windows after `Layout.least` steps."""
    least, until, random = panel.layout.least, own.until, np.random.default_rng(seed)
    for first, last in ((1, least), (least, 2 * least)) if least > 1 else ():
        rows = np.flatnonzero(panel.lengths > last)
        rows = random.choice(rows, min(len(rows), WINDOWS), replace=False)
        cuts = random.integers(first, last, len(rows))
        parts = network.forecast(panel, rows, cuts, SAMPLES, random)
        said = np.concatenate([np.zeros((0, panel.layout.horizon)), *(part.quantiles([0.5])[0] for part in parts)])
        truth, (_, factor) = panel.future(rows, cuts), _typical(panel, rows, about)
        ours = own.quantiles(panel, rows, cuts, about)[..., LEVELS.index(0.5)]
        errors = [np.abs(truth - each) / factor[:, None] for each in (said, ours)]
        found = comparison.compared(errors[0], errors[1], total)
        if found is None or found.mean <= 0:
            break
        until = last
    return replace(own, until=until)


def _near(
    panel: Panel, about: About, of_others: np.ndarray, farthest: float, total: Total, random: np.random.Generator
) -> float | None:
    """The variance of what is left within a short time of one series: half of the mean squared difference of two values that are
    as far apart as the first values and a forecast after them. None if there are no such values."""
    span = panel.layout.least + panel.layout.horizon
    long = np.flatnonzero(panel.lengths > span)
    rows = random.choice(long, PAIRS) if len(long) else long
    first = (random.random(len(rows)) * (panel.lengths[rows] - span)).astype(np.int64)
    later = first + random.integers(1, span + 1, len(rows))
    seen = ~np.isnan(panel.values(rows, np.stack([first, later], axis=1))).any(axis=1)
    pair = []
    for places in (first, later):
        own, x, y = _table(panel, rows[seen], places[seen], about)
        pair.append(np.clip(y, -farthest, farthest) - (x * of_others[own % linear.PARTS]).sum(axis=1))
    squares, count = total([float(((pair[0] - pair[1]) ** 2).sum()) / 2, float(len(pair[0]))])
    return squares / count if count else None


def _table(
    panel: Panel, rows: np.ndarray, places: np.ndarray, about: About
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows (m,) of the values that are not missing, their inputs, and the values relative to the typical level."""
    values = panel.values(rows, places[:, None])[:, 0].astype(np.float64)
    use = ~np.isnan(values)
    rows, places, values = rows[use], places[use], values[use]
    shift, factor = _typical(panel, rows, about)
    return rows, _inputs(panel, rows, places, about), (values - shift) / factor


def _typical(panel: Panel, rows: np.ndarray, about: About) -> tuple[np.ndarray, np.ndarray]:
    """Shifts and factors (n,) of the typical level of each series' categories."""
    cat = panel.categories(rows)
    each, which = np.unique(cat, axis=0, return_inverse=True)
    levels = about.scaling.levels(np.full((len(each), 2), np.nan), each)
    which = which.reshape(-1)
    return levels.shift[which], levels.factor[which]


def _inputs(panel: Panel, rows: np.ndarray, places: np.ndarray, about: About) -> np.ndarray:
    """(n, inputs): a constant, the age, hours or days of the week or months, features, categories and their products."""
    layout, columns = panel.layout, Columns.of(panel.layout)
    ticks = panel.ticks(rows, places[:, None])[:, 0]
    mean, deviation = (np.array(each[2:]) for each in (about.normal.mean, about.normal.deviation))
    features = np.clip((panel.features(rows, places[:, None])[:, 0] - mean) / deviation, -FAR_FEATURE, FAR_FEATURE)
    age = (np.log1p(places) - about.normal.mean[0]) / about.normal.deviation[0]
    own = np.concatenate([layout.frequency.phases(ticks), features], axis=1)
    cat = panel.categories(rows)
    one = [np.eye(layout.cardinality[place])[cat[:, place]] for place in columns.places]
    categories = np.concatenate([np.zeros((len(rows), 0)), *one], axis=1)
    parts = [np.ones((len(rows), 1)), age[:, None], own, categories]
    if columns.crossed:
        parts.append((categories[:, :, None] * own[:, None]).reshape(len(rows), categories.shape[1] * own.shape[1]))
    return np.concatenate(parts, axis=1)
