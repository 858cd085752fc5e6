"""Expected improvement over the space: selects the point to try from many random points and points near the best ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewright.tuning.surrogates.evidence import Frame
from sagewright.tuning.surrogates.gaussian import Posterior
from sagewright.tuning.surrogates.improvement import log_improvement
from sagewright.tuning.surrogates.lattice import Floats, Ints, Lattice, keys

_SMALL = 1500
"""A space with at most this many points is evaluated completely."""
_AWAY = 0.1
_UNIFORM, _BASES, _AROUND = 200, 5, 40
_ROUGH = slice(None, None, 3)
"""Particles; a third of them suffice for a first evaluation of many points."""
_FINE = 20
"""Number of those points that all particles evaluate."""
_ROUNDS, _LEADERS, _NEAR_LEADERS = 3, 5, 20


@dataclass(frozen=True)
class AllowedPoints:
    """The points that can be tried."""

    lattice: Lattice
    seen: set[bytes]
    away_from: Ints | None = None
    """A point whose neighbourhood is excluded."""

    def of(self, levels: Ints) -> Ints:
        fresh = levels[[key not in self.seen for key in keys(levels)]]
        if self.away_from is None or not len(fresh):
            return fresh
        return fresh[~self.lattice.near(fresh, self.away_from, _AWAY)]


@dataclass
class Outlook:
    frame: Frame
    posterior: Posterior
    tried: Ints
    """Levels of the finished and running trials to improve on."""
    places: Ints
    """Their indices among the posterior's known points."""

    def believing(self, levels: Ints) -> Outlook:
        """The outlook as if these points had matched their expectation."""
        known, more = len(self.posterior.known), len(levels)
        return Outlook(
            self.frame,
            self.posterior.believing(self.frame.points(levels)),
            np.concatenate([self.tried, levels]),
            np.concatenate([self.places, np.arange(known, known + more)]),
        )

    def best(self, rng: np.random.Generator, allowed: AllowedPoints) -> Ints | None:
        """The best point; None if no allowed point was found."""
        means = self.posterior.settled[:, self.places]
        record = means.min(axis=1)
        if self.frame.lattice.size <= _SMALL:
            candidates = allowed.of(self.frame.lattice.all())
            return candidates[self._gains(candidates, record).argmax()] if len(candidates) else None
        bases = self.tried[means.mean(axis=0).argsort()[:_BASES]]
        return self._climbed(bases, record, rng, allowed)

    def _climbed(self, bases: Ints, record: Floats, rng: np.random.Generator, allowed: AllowedPoints) -> Ints | None:
        lattice = self.frame.lattice
        near = lattice.neighbours(rng, bases, _AROUND)
        candidates = allowed.of(np.concatenate([lattice.uniform(rng, _UNIFORM), near]))
        if not len(candidates):
            return None
        few = self.posterior.some(_ROUGH).rough()
        rough = log_improvement(*few.predict(self.frame.points(candidates)), record[_ROUGH])
        best = candidates[np.argsort(-rough)[:_FINE]]
        found, gains = np.empty((0, best.shape[1]), dtype=np.int64), np.empty(0)
        for _ in range(_ROUNDS):
            more = allowed.of(lattice.neighbours(rng, best[:_LEADERS], _NEAR_LEADERS))
            more = more if len(found) else np.concatenate([best, more])
            if len(more):
                found = np.concatenate([found, more])
                gains = np.concatenate([gains, self._gains(more, record)])
            best = found[np.argsort(-gains)[:_LEADERS]]
        return np.asarray(best[0])

    def _gains(self, levels: Ints, record: Floats) -> Floats:
        return log_improvement(*self.posterior.predict(self.frame.points(levels)), record)
