"""What a Gaussian process is told of a history: points, and their values on one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewright.tuning.gaussian import Data, Posterior
from sagewright.tuning.history import History, HistoryRows
from sagewright.tuning.kernel import Points
from sagewright.tuning.lattice import Bools, Floats, Ints, Lattice
from sagewright.tuning.names import NameScores
from sagewright.tuning.targets import targets

_MOST = 150
_MOST_PARENTS = 75
_FAILED = 50
_TRUSTED = 4
"""So many results of one's own weigh as much as the parents' do, for the size of the values."""


@dataclass(frozen=True)
class Frame:
    """How points are made of rows."""

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
    """`data`, of which the points from `first` on, as many as `tried` has levels, are those that are to be surpassed."""

    data: Data
    tried: Ints
    first: int


def gather(history: History, frame: Frame, particles: Floats, rng: np.random.Generator) -> Evidence | None:
    """Results, and parents' ones as tasks of their own; then the failed ones, as bad as the worst. None where nothing is known."""
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
    """One's own results, centred and scaled as the parents' expect theirs: a first one at the parents' best is no middling one."""
    means = parents.means(own).mean(axis=0)
    share = len(own) / (len(own) + _TRUSTED)
    size = np.sqrt(share + (1 - share) * means.var())
    return np.asarray(values * size + means.mean())
