"""Scaling of the network's values: relative to the level of the values before the forecast, and to their movement.

Real values are expressed as differences from the mean of the last season before the forecast, in multiples of the mean absolute
step before it, so that inputs don't depend on a series' size or starting value. Counts are expressed as multiples of the mean
absolute value before the forecast (Salinas et al., section 3.3), and shares are left as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Kind = Literal["steps", "counts", "shares"]
KINDS: tuple[Kind, ...] = ("steps", "counts", "shares")
LEAST = 1e-10
SMALL = 0.01
"""Minimum factor, as a share of the usual one or of a mean: series that hardly move are not amplified."""
MOST_CATEGORIES = 10_000
Total = Callable[[list[float]], list[float]]
"""Sums over all hosts."""
RESTLESS, MOST_DRAWN = 2.0, 1.0
"""The variance of values around the level of a series, in squares of its factor, and the largest change of a factor's logarithm: a
series may be of another size than the others of its categories."""
FEWEST = 3
"""Minimum number of steps for computing a level."""
FARTHEST, LOOKED = 10.0, 6.0
"""Values count for the level up to FARTHEST median deviations from the median; medians are computed only of series with a value
more than LOOKED mean deviations from the mean.
"""


@dataclass(frozen=True)
class Levels:
    """The levels of n windows: `shift` (n,) and `factor` (n,) float64; a value is shift + factor · scaled value. `unrest` (n,): the
    logarithm of the values' movement relative to their size, or of their size.
    """

    shift: np.ndarray
    factor: np.ndarray
    unrest: np.ndarray

    def repeated(self, times: int) -> Levels:
        return Levels(*(np.repeat(each, times) for each in (self.shift, self.factor, self.unrest)))


@dataclass(frozen=True)
class Scaling:
    """`season` in steps; `usual`: shift and factor without preceding values, to which `by_cat` adds a shift and a factor's
    logarithm for each category; `apart`: the deviation of series' shifts from that; `floor`: the minimum of forecasts. With
    `limited`, values far from the others count for the level only up to a limit. `logged`: values are logarithms, and have no size.
    """

    kind: Kind
    season: int
    usual: tuple[float, float] = (0.0, 1.0)
    floor: float | None = None
    by_cat: tuple[tuple[tuple[float, float], ...], ...] = ()
    apart: float = 0.0
    limited: bool = False
    logged: bool = False

    def levels(self, history: np.ndarray, cat: np.ndarray | None = None) -> Levels:
        """Levels of histories (n, h) in the target's units, the oldest first, NaN where missing. A series without values gets the
        typical level of its categories, `cat` (n, categories); one with less than a season of values is drawn towards it.
        """
        found, count = self._of_history(history), (~np.isnan(history)).sum(axis=1)
        new = count == 0
        if cat is None or not self.by_cat or not (new | (count < self.season)).any():
            return found
        shift, factor = np.full(len(cat), self.usual[0]), np.full(len(cat), np.log(self.usual[1]))
        for place, each in enumerate(self.by_cat):
            offsets = np.array(each)[cat[:, place]]
            shift, factor = shift + offsets[:, 0], factor + offsets[:, 1]
        wide = np.sqrt(np.exp(2 * factor) + self.apart**2)
        levels = Levels(
            np.where(new, shift if self.kind == "steps" else found.shift, found.shift),
            np.where(new, wide, found.factor),
            np.where(new & (self.kind == "counts"), factor, found.unrest),
        )
        begun = ~new & (count < self.season) & (self.kind == "steps")
        return self._drawn(levels, history, begun, (shift, factor)) if begun.any() else levels

    def _drawn(
        self, levels: Levels, history: np.ndarray, begun: np.ndarray, typical: tuple[np.ndarray, np.ndarray]
    ) -> Levels:
        """The `levels`, those of series that have `begun` (n,) drawn towards the `typical` shifts and logarithms of factors (n,): a
        part of a season says as much of a level as the series' movement allows."""
        seen = ~np.isnan(history)
        count, pairs = seen.sum(axis=1), (seen[:, 1:] & seen[:, :-1]).sum(axis=1)
        doubt = RESTLESS * np.exp(2 * typical[1])
        reliance = count * self.apart**2 / (count * self.apart**2 + doubt)
        shift = typical[0] + reliance * (levels.shift - typical[0])
        left = typical[1] - np.log(levels.factor)
        moved = np.where(pairs > 0, np.clip(left / (1 + pairs), -MOST_DRAWN, MOST_DRAWN), left)
        return Levels(
            np.where(begun, shift, levels.shift),
            np.where(begun, levels.factor * np.exp(moved), levels.factor),
            np.where(begun, levels.unrest + moved, levels.unrest),
        )

    def with_categories(self, levels: Levels, cat: np.ndarray, cardinality: tuple[int, ...], total: Total) -> Scaling:
        """The scaling with typical values for each category, from levels of windows of categories `cat` (n, categories). Each
        category adds its own offset, which is shrunk towards zero if it has few windows.
        """
        if self.kind == "shares" or max(cardinality, default=0) > MOST_CATEGORIES:
            return self
        left = np.column_stack([levels.shift - self.usual[0], np.log(levels.factor / self.usual[1])])
        found = []
        for place, count in enumerate(cardinality):
            own = np.column_stack([left, np.ones(len(left))])
            sums = np.stack([np.bincount(cat[:, place], each, count) for each in own.T], axis=1)
            totals = np.array(total(sums.ravel().tolist())).reshape(count, 3)
            offsets = totals[:, :2] / (totals[:, 2:] + 1)
            left = left - offsets[cat[:, place]]
            found.append(tuple((float(shift), float(factor)) for shift, factor in offsets))
        squares, rows = total([float(np.square(left[:, 0]).sum()), float(len(left))])
        apart = float(np.sqrt(squares / max(rows, 1))) if self.kind == "steps" else 0.0
        return replace(self, by_cat=tuple(found), apart=apart)

    def _of_history(self, history: np.ndarray) -> Levels:
        count = len(history)
        if self.kind == "shares":
            return Levels(np.zeros(count), np.ones(count), np.zeros(count))
        observed = ~np.isnan(history)
        known = observed.any(axis=1)
        sizes = _mean(np.abs(history), observed)
        if self.kind == "counts":
            factor = self._factors(sizes, known)
            return Levels(np.zeros(count), factor, np.log(factor))
        if self.limited:
            history = _limited(history, observed)
            sizes = _mean(np.abs(history), observed)
        if self.logged:
            sizes = np.ones(count)
        last = observed & (np.arange(history.shape[1]) >= history.shape[1] - max(self.season, FEWEST))
        shift = _mean(history, np.where(last.any(axis=1)[:, None], last, observed))
        pairs = observed[:, 1:] & observed[:, :-1]
        steps = _mean(np.abs(np.diff(history, axis=1)), pairs)
        factor = self._factors(np.maximum(steps, SMALL * sizes), known & pairs.any(axis=1))
        unrest = np.log(factor / np.where(sizes > LEAST, sizes, factor))
        return Levels(np.where(known, shift, self.usual[0]), factor, unrest)

    def _factors(self, found: np.ndarray, known: np.ndarray) -> np.ndarray:
        return np.where(known, np.where(found > LEAST, found, SMALL * self.usual[1]), self.usual[1])

    def relative(self, values: np.ndarray, levels: Levels) -> np.ndarray:
        """Scaled values, float32, of values (n, ...) in the target's units."""
        shift, factor = _shaped(levels, values.ndim)
        found: np.ndarray = ((values - shift) / factor).astype(np.float32)
        return found

    def own(self, scaled: np.ndarray, levels: Levels) -> np.ndarray:
        """The inverse of `relative`: float64 in the target's units; counts are whole numbers."""
        shift, factor = _shaped(levels, scaled.ndim)
        found: np.ndarray = scaled * factor + shift
        if self.kind == "counts":
            found = np.round(found)
        return found if self.floor is None else np.maximum(found, self.floor)


def _mean(values: np.ndarray, use: np.ndarray) -> np.ndarray:
    """The mean of each row's used values, in float64; 0 if none is used."""
    found: np.ndarray = np.where(use, values, 0).sum(axis=1, dtype=np.float64) / np.maximum(use.sum(axis=1), 1)
    return found


def _limited(history: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Returns histories (n, h) whose values are within FARTHEST median deviations of the median. Series more than half of whose
    values are the same are as they were.
    """
    apart = np.abs(np.where(observed, history - _mean(history, observed)[:, None], 0))
    rows = np.flatnonzero(apart.max(axis=1, initial=0) > LOOKED * _mean(apart, observed))
    if not len(rows):
        return history
    found, own = history.astype(np.float64), history[rows].astype(np.float64)
    middle = np.nanmedian(own, axis=1, keepdims=True)
    most = FARTHEST * np.nanmedian(np.abs(own - middle), axis=1, keepdims=True)
    most = np.where(most > 0, most, np.inf)
    found[rows] = np.clip(own, middle - most, middle + most)
    return found


def _shaped(levels: Levels, axes: int) -> tuple[np.ndarray, np.ndarray]:
    shape = (-1,) + (1,) * (axes - 1)
    return levels.shift.reshape(shape), levels.factor.reshape(shape)
