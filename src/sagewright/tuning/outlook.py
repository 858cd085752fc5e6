"""Where improvement is to be expected: from many points at random and near the best ones to the one point to try."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sagewright.tuning.evidence import Frame
from sagewright.tuning.gaussian import Posterior
from sagewright.tuning.improvement import log_improvement
from sagewright.tuning.lattice import Floats, Ints, keys

_SMALL = 1500
"""Of a space with no more points than this all are looked at."""
_UNIFORM, _BASES, _AROUND = 400, 5, 80
_ROUNDS, _LEADERS, _NEAR_LEADERS = 3, 6, 25


@dataclass
class Outlook:
    frame: Frame
    posterior: Posterior
    tried: Ints
    """Levels of what has been tried, and of what is running: what has to be surpassed."""

    def believing(self, levels: Ints) -> Outlook:
        """As if these had turned out as expected."""
        tried = np.concatenate([self.tried, levels])
        return Outlook(self.frame, self.posterior.believing(self.frame.points(levels)), tried)

    def best(self, rng: np.random.Generator, seen: set[bytes]) -> Ints | None:
        """None where there is no point that hasn't been seen."""
        means, _ = self.posterior.predict(self.frame.points(self.tried))
        record = means.min(axis=1)
        if self.frame.lattice.size <= _SMALL:
            candidates = _fresh(self.frame.lattice.all(), seen)
            return candidates[self._gains(candidates, record).argmax()] if len(candidates) else None
        bases = self.tried[means.mean(axis=0).argsort()[:_BASES]]
        return self._climbed(bases, record, rng, seen)

    def _climbed(self, bases: Ints, record: Floats, rng: np.random.Generator, seen: set[bytes]) -> Ints | None:
        lattice = self.frame.lattice
        near = lattice.neighbours(rng, bases, _AROUND)
        candidates = _fresh(np.concatenate([lattice.uniform(rng, _UNIFORM), near]), seen)
        if not len(candidates):
            return None
        gains = self._gains(candidates, record)
        for _ in range(_ROUNDS):
            leaders = candidates[np.argsort(-gains)[:_LEADERS]]
            more = _fresh(lattice.neighbours(rng, leaders, _NEAR_LEADERS), seen)
            if len(more):
                candidates = np.concatenate([candidates, more])
                gains = np.concatenate([gains, self._gains(more, record)])
        return np.asarray(candidates[gains.argmax()])

    def _gains(self, levels: Ints, record: Floats) -> Floats:
        means, deviations = self.posterior.predict(self.frame.points(levels))
        return log_improvement(means, deviations, record)


def _fresh(levels: Ints, seen: set[bytes]) -> Ints:
    return levels[[key not in seen for key in keys(levels)]]
