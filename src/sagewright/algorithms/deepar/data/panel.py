"""Many series side by side, and windows of them from which the network's inputs are made."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sagewright.algorithms.deepar.data import shifts
from sagewright.algorithms.deepar.data.frequency import Frequency
from sagewright.algorithms.deepar.data.series import Series

LEAST = 1e-10
"""The value as which those of a series count that has no positive one, where logarithms are taken."""


@dataclass(frozen=True)
class Layout:
    """The layout of a window: `context` known steps, `horizon` steps to forecast; `lags` beside the last step; the numbers of
    categories and dynamic features. `direct`: the dynamic features at the lags are inputs of the network's linear map, too.
    `levelled`: what precedes an abrupt shift of the level is moved to the level that follows. `logged`: values are logarithms.
    `unseen`: calendar features that are not used, since training spans too little of their cycle.
    """

    frequency: Frequency
    context: int
    horizon: int
    lags: tuple[int, ...]
    cardinality: tuple[int, ...] = ()
    features: int = 0
    direct: bool = False
    levelled: bool = False
    logged: bool = False
    unseen: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        return self.context + self.horizon

    @property
    def least(self) -> int:
        """Minimum number of steps before a forecast in training, if the series is long enough: a season or the context."""
        return max(1, min(self.frequency.season, self.context))

    @property
    def history(self) -> int:
        """Number of steps from which a window's level and movement are computed: two seasons, at least the context."""
        return max(2 * self.frequency.season, self.context)


def logs(target: np.ndarray) -> np.ndarray:
    """Logarithms (m,) of a series' values. Those that are not positive count as half of its smallest positive one, or as LEAST."""
    positive = target[target > 0]
    least = np.float32(float(positive.min()) / 2 if len(positive) else LEAST)
    return np.asarray(np.log(np.maximum(target, least)), np.float32)


@dataclass(frozen=True)
class Windows:
    """n windows of T steps in the target's units, or as logarithms, NaN for missing or unknown values.

    `values` (n, T); `lagged` (n, T, 1 + lags): the value before each step, then the lags; `history` (n, H): the values before the
    forecast; `calendar` (n, T, c) and `age` (n, T) of each step; `dynamic` (n, T, k); `cat` (n, categories) int64; `around` (n, T,
    k (2 + lags)): the dynamic features of each step, of the one before it and of the lags.
    """

    values: np.ndarray
    lagged: np.ndarray
    history: np.ndarray
    calendar: np.ndarray
    age: np.ndarray
    dynamic: np.ndarray
    cat: np.ndarray
    around: np.ndarray | None = None


class Panel:
    """Series concatenated in one array of targets (m,) and one of dynamic features (k, m). Immutable."""

    def __init__(self, series: Sequence[Series], layout: Layout) -> None:
        self.layout = layout
        self.lengths = np.array([len(each) for each in series], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int64)
        targets = [logs(each.target) if layout.logged else each.target for each in series]
        self._target = np.concatenate([*targets, np.full(1, np.nan, np.float32)])
        self._ticks = np.array([layout.frequency.tick(each.start) for each in series], np.int64)
        cats = [(each.cat or ())[: len(layout.cardinality)] for each in series]
        self._cat = np.array(cats, np.int64).reshape(len(series), len(layout.cardinality))
        self._spans = np.array(
            [0 if each.dynamic_feat is None else each.dynamic_feat.shape[1] for each in series], np.int64
        )
        self._feature_starts = np.concatenate([[0], np.cumsum(self._spans)[:-1]]).astype(np.int64)
        rows = [each.dynamic_feat for each in series if each.dynamic_feat is not None and layout.features]
        self._dynamic = np.concatenate(rows, axis=1) if rows else np.zeros((layout.features, 0), np.float32)
        self._levels = self._shifts(targets) if layout.levelled else None

    def __len__(self) -> int:
        return len(self.lengths)

    def until(self, lengths: np.ndarray) -> Panel:
        """The panel with series of these `lengths` (n,); values are shared, dynamic features are known beyond."""
        found = copy.copy(self)
        found.lengths = lengths
        return found

    def flat(self) -> Panel:
        """The panel without shifts of levels: each series is at its last level throughout."""
        if self._levels is None:
            return self
        found = copy.copy(self)
        spans = np.diff(np.append(self._starts, len(self._levels) - 1))
        last = np.repeat(self._levels[np.maximum(self._starts + spans - 1, 0)], spans)
        found._target = (self._target + np.append(last, 0) - self._levels).astype(np.float32)
        found._levels = None
        return found

    def windows(self, rows: np.ndarray, cuts: np.ndarray) -> Windows:
        """Windows of the series `rows` (n,): the steps around `cuts` (n,), the positions of the first values to forecast."""
        layout = self.layout
        places = cuts[:, None] + np.arange(-layout.context, layout.horizon)
        offsets = np.array((1, *layout.lags))
        return Windows(
            self.levelled(rows, places, cuts),
            self.levelled(rows, places[:, :, None] - offsets, cuts),
            self.before(rows, cuts),
            layout.frequency.calendar(self.ticks(rows, places), layout.unseen),
            np.log1p(np.maximum(places, 0)).astype(np.float32),
            self.features(rows, places),
            self._cat[rows],
            self._around(rows, places, offsets) if layout.direct and layout.features else None,
        )

    def ticks(self, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        """The frequency's ticks of `places` (n, T)."""
        return self.layout.frequency.ticks(self._ticks[rows][:, None], places)

    def past(self, row: int, cut: int) -> np.ndarray:
        """(cut,): all values of a series before `cut`."""
        start = self._starts[row]
        return self._target[start : start + cut]

    def before(self, rows: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        """(n, H): the values from which the level before `cuts` is computed."""
        return self.levelled(rows, cuts[:, None] + np.arange(-self.layout.history, 0), cuts)

    def future(self, rows: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        """(n, horizon): the values from `cuts` on, NaN where there are none."""
        return self.values(rows, cuts[:, None] + np.arange(self.layout.horizon))

    def levelled(self, rows: np.ndarray, places: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        """`values`, those before a shift of the level moved by it, where it is known by `cuts` (n,)."""
        found = self.values(rows, places)
        if self._levels is None:
            return found
        shape = (-1,) + (1,) * (places.ndim - 1)
        start, last = self._starts[rows].reshape(shape), (cuts - shifts.AFTER).reshape(shape)
        until = np.where(last >= 0, self._levels[start + np.maximum(last, 0)], 0)
        moved = until - self._levels[start + np.clip(places, 0, np.maximum(last, 0))]
        return np.asarray(found + np.where(last >= 0, moved, 0), np.float32)

    def values(self, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Values as float32 in the shape of `places`, which has one row for each of `rows`."""
        shape = (-1,) + (1,) * (places.ndim - 1)
        lengths = self.lengths[rows].reshape(shape)
        inside = (places >= 0) & (places < lengths)
        found = self._target[self._starts[rows].reshape(shape) + np.clip(places, 0, np.maximum(lengths - 1, 0))]
        return np.where(inside, found, np.float32(np.nan))

    def _shifts(self, targets: Sequence[np.ndarray]) -> np.ndarray | None:
        frequency = self.layout.frequency
        found = [shifts.find(each, frequency.season, frequency.longer_season) for each in targets]
        if all(each is None for each in found):
            return None
        parts = [np.zeros(len(own)) if each is None else each for own, each in zip(targets, found, strict=True)]
        return np.concatenate([*parts, np.zeros(1)])

    def _around(self, rows: np.ndarray, places: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        return np.concatenate([self.features(rows, places - back) for back in (0, *offsets)], axis=-1)

    def categories(self, rows: np.ndarray) -> np.ndarray:
        """(n, categories) int64 of the series `rows` (n,)."""
        return np.asarray(self._cat[rows])

    def features(self, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        """(n, T, k) of `places` (n, T); 0 where a feature isn't known."""
        if not self.layout.features:
            return np.zeros((*places.shape, 0), np.float32)
        spans = self._spans[rows][:, None]
        inside = (places >= 0) & (places < spans)
        at = self._feature_starts[rows][:, None] + np.clip(places, 0, spans - 1)
        found = np.where(inside, self._dynamic[:, at], np.float32(0))
        return np.ascontiguousarray(np.moveaxis(found, 0, -1))
