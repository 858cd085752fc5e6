"""Bayesian optimisation: expected improvement under a Gaussian process, averaged over its hyperparameters.

The first points are far from each other. Running trials count with their expected result, failed ones with the worst result so far,
and parents' results as those of another task, or of the same. docs/explanation/tuning.md reports the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sagewright.tuning.points import start
from sagewright.tuning.study import Study, Trial, next_number
from sagewright.tuning.suggestion import Suggestion
from sagewright.tuning.surrogates import design, kernel
from sagewright.tuning.surrogates.chain import ParticleChain
from sagewright.tuning.surrogates.evidence import Frame, gather
from sagewright.tuning.surrogates.gaussian import Likelihood, Posterior
from sagewright.tuning.surrogates.history import History, TrialReader
from sagewright.tuning.surrogates.lattice import Ints, Lattice, keys
from sagewright.tuning.surrogates.names import NameScores
from sagewright.tuning.surrogates.outlook import AllowedPoints, Outlook

_FIRST = 4
_MOST_FIRST = 50
_CROWD, _NEXT_TO = 4, 0.03
_NAMED = 20
"""Number of trials up to which the scores of names are used."""
_MANY = 150
_REFIT = 5
"""From _MANY trials on, the hyperparameters are updated only at every fifth trial."""
_WARM_UP = 12
_PARTICLES, _USED = 16, 8


class BayesianSearcher:
    def __init__(self, study: Study) -> None:
        self._study, self._lattice = study, Lattice(study.space)
        self._reader = TrialReader(study, self._lattice)
        rng = self._rng(0)
        self._chain, self._warm = ParticleChain(kernel.prior(len(self._lattice.levels)), _PARTICLES, rng), False
        pool = self._lattice.uniform(rng, 4000)
        self._scores = NameScores.of_names(study.space, self._lattice, pool) if study.names else NameScores.silent()
        self._design = self._first(pool, rng)

    def suggest(self, trials: Sequence[Trial], count: int) -> list[Suggestion]:
        history, first = self._reader.read(trials), next_number(trials)
        made = sum(trial.own for trial in trials)
        suggestions: list[Suggestion] = []
        outlook: Outlook | None = None
        for number in range(first, first + count):
            index = made + number - first
            values = start(self._study, index)
            row = self._told(values) if values else self._designed(history, index - len(self._study.starts))
            if row is None:
                outlook = outlook or self._outlook(history, number)
                row = self._sought(outlook, history, number)
            if row is None:
                break
            outlook = outlook.believing(row[None, :]) if outlook else None
            self._await(history, row)
            suggestions.append(Suggestion(values or self._lattice.values(row)))
        return suggestions

    def _first(self, pool: Ints, rng: np.random.Generator) -> Ints:
        count = max(_FIRST, min(self._study.most_parallel, _MOST_FIRST))
        spread = design.spread(self._lattice, rng, count)
        if not self._scores.known:
            return spread
        likely = design.likely(self._lattice, self._scores.of(pool), pool, count)
        return np.stack([(likely, spread)[number % 2][number] for number in range(count)])

    def _rng(self, number: int) -> np.random.Generator:
        return np.random.default_rng([self._study.seed & (2**63 - 1), number])

    def _told(self, values: dict[str, str]) -> Ints:
        row = self._lattice.row(values)
        assert row is not None  # `start` returns points of the space
        return row[0]

    def _designed(self, history: History, index: int) -> Ints | None:
        """A point that doesn't depend on results, while there are too few: the best point of each parent of another task, or the
        initial design."""
        if history.inherited >= _FIRST:
            return None
        best = [rows.levels[rows.best()] for rows in history.parents.values()]
        knows = len(history.results) >= 2
        points = best[:_FIRST] or list(self._design[: _FIRST if knows else None])
        if index >= len(points) or keys(points[index][None, :])[0] in history.seen:
            return None
        return points[index]

    def _outlook(self, history: History, number: int) -> Outlook | None:
        frame = Frame(self._lattice, self._scores if number <= _NAMED else NameScores.silent())
        rng = self._rng(number)
        found = gather(history, frame, self._chain.some(_USED), rng)
        if found is None:
            return None
        count = len(found.data.points)
        if not self._warm or count < _MANY or number % _REFIT == 0:
            self._chain.sweep(Likelihood(found.data), _sweeps(count) + (0 if self._warm else _WARM_UP), rng)
            self._warm = True
        places = found.first + np.arange(len(found.tried))
        outlook = Outlook(frame, Posterior.of(self._chain.some(_USED), found.data), found.tried, places)
        return outlook.believing(np.stack(history.pending.levels)) if history.pending else outlook

    def _sought(self, outlook: Outlook | None, history: History, number: int) -> Ints | None:
        rng = self._rng(number)
        allowed = AllowedPoints(self._lattice, history.seen, self._crowded(history))
        row = outlook.best(rng, allowed) if outlook else None
        return row if row is not None else design.unseen(self._lattice, rng, history.seen)

    def _crowded(self, history: History) -> Ints | None:
        """The best point, if all of the last ones are next to it: the model may have mistaken one slope for the whole space."""
        if len(history.results) <= _FIRST + _CROWD:
            return None
        best = history.results.levels[history.results.best()]
        last = np.stack((history.results.levels + history.pending.levels)[-_CROWD:])
        return best if self._lattice.near(last, best, _NEXT_TO).all() else None

    def _await(self, history: History, row: Ints) -> None:
        """Counts the point as running from now on."""
        history.pending.add(row, self._lattice.positions(row[None, :])[0])
        history.seen.update(keys(row[None, :]))


def _sweeps(count: int) -> int:
    """The number of sweeps; fewer with more points, because the chain has already run the sweeps of all earlier trials."""
    return 12 if count <= 10 else 6 if count <= 25 else 3
