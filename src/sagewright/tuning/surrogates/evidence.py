"""A Gaussian process's data from a history: points, and their values on one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewright.tuning.surrogates.gaussian import Data, Posterior
from sagewright.tuning.surrogates.history import History, HistoryRows
from sagewright.tuning.surrogates.kernel import Points
from sagewright.tuning.surrogates.lattice import Bools, Floats, Ints, Lattice
from sagewright.tuning.surrogates.names import NameScores
from sagewright.tuning.surrogates.targets import targets

_MOST = 150
_MOST_PARENTS = 75
_FAILED = 50
_TRUSTED = 4
"""Number of own results that weigh as much as the parents' in determining the scale of the values."""


@dataclass(frozen=True)
class Frame:
    """Converts rows to points."""

    lattice: Lattice
    scores: NameScores

    @property
    def categorical(self) -> Bools:
        return self.lattice.categorical

    def points(self, levels: Ints) -> Points:
        return self._made(self.lattice.positions(levels), levels, 0)

    def of(self, rows: HistoryRows, task: int = 0) -> Points:
        return self._made(np.stack(rows.positions), np.stack(rows.levels), task)

    def _made(self, positions: Ints, levels: Ints, task: int) -> Points:
        return Points(positions, np.full(len(positions), task), self.scores.of(levels))


@dataclass(frozen=True)
class Evidence:
    """The `data`; the results to improve on are the points from `first` on, as many as `tried` has levels."""

    data: Data
    tried: Ints
    first: int


def gather(history: History, frame: Frame, particles: Floats, rng: np.random.Generator) -> Evidence | None:
    """Results, with parents' results as separate tasks; then the failed trials, with the worst value. None if nothing is known."""
    parts: list[tuple[Points, Floats]] = []
    tried: list[Ints] = []
    first = 0
    for task, rows in enumerate(history.parents.values(), 1):
        some = rows.thinned(max(10, _MOST_PARENTS // len(history.parents)), rng)
        parts.append((frame.of(some, task), targets(np.array(some.costs))))
        tried = tried or some.levels
    if history.results:
        most = _MOST - sum(len(points) for points, _ in parts)
        some = history.results.thinned(most, rng)
        tried, first = some.levels, _MOST - most
        own, values = frame.of(some), targets(np.array(some.costs))
        parts.append((own, _aligned(own, values, Posterior.of(particles, _joined(parts, frame))) if parts else values))
    if not parts:
        return None
    if history.failed:
        failed = HistoryRows(history.failed.levels[-_FAILED:], history.failed.positions[-_FAILED:])
        worst = max(float(values.max()) for _, values in parts)
        parts.append((frame.of(failed), np.full(len(failed), worst)))
    return Evidence(_joined(parts, frame), np.stack(tried), first)


def _joined(parts: list[tuple[Points, Floats]], frame: Frame) -> Data:
    points = parts[0][0]
    for more, _ in parts[1:]:
        points = points.and_(more)
    return Data(points, np.concatenate([values for _, values in parts]), frame.categorical)


def _aligned(own: Points, values: Floats, parents: Posterior) -> Floats:
    """The study's own results, centred and scaled by the parents' predictions for them, so that a first result at the parents' best
    is not taken as average."""
    means = parents.means(own).mean(axis=0)
    share = len(own) / (len(own) + _TRUSTED)
    size = np.sqrt(share + (1 - share) * means.var())
    return np.asarray(values * size + means.mean())
