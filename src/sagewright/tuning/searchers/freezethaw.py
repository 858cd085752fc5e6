"""Hyperband for trials that keep checkpoints: begin many, pause them early, and continue those whose next epochs are most
informative.

Each decision maximises the gain for its epochs: the expected improvement of the final result, computed with the uncertainty that
the next observation would remove instead of the whole. docs/explanation/tuning.md gives the reasons.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sagewright.tuning.points import start
from sagewright.tuning.searchers.ladder import LadderConfiguration, configurations
from sagewright.tuning.study import Study, Trial, TrialState, next_number
from sagewright.tuning.suggestion import Suggestion
from sagewright.tuning.surrogates import curves, design
from sagewright.tuning.surrogates.chain import ParticleChain
from sagewright.tuning.surrogates.curves import CurveData, CurveLikelihood, CurvePosterior, Observations
from sagewright.tuning.surrogates.evidence import Frame
from sagewright.tuning.surrogates.improvement import log_improvement
from sagewright.tuning.surrogates.lattice import Floats, Ints, Lattice, keys
from sagewright.tuning.surrogates.names import NameScores
from sagewright.tuning.surrogates.targets import targets

_FIRST = 8
_LOOK = 4
"""Epochs before the first pause, or an eighth of all if that is less."""
_GROWTH = 2.2
_PARTICLES, _USED = 6, 4
_MOST_ROWS = 150
_UNIFORM, _BASES, _AROUND = 300, 4, 75
_ROUNDS, _LEADERS, _NEAR = 2, 4, 25
_DEFAULT_EPOCHS = 81


@dataclass(frozen=True)
class _Table:
    """The knowledge at one decision."""

    configurations: list[LadderConfiguration]
    levels: Ints
    posterior: CurvePosterior
    ends: Floats
    """Expected costs at the end, (particles, configurations)"""

    @property
    def record(self) -> Floats:
        return self.ends.min(axis=1)

    def ranked(self) -> list[int]:
        """Numbers of configurations, the best first."""
        return [int(i) for i in self.ends.mean(axis=0).argsort()]


@dataclass(frozen=True)
class _Choice:
    score: float
    suggestion: Suggestion
    cost: int


class FreezeThawSearcher:
    def __init__(self, study: Study) -> None:
        self._study = study
        self._frame = Frame(Lattice(study.space), NameScores.silent())
        lattice, rng = self._frame.lattice, self._rng(0)
        self._chain, self._warm = ParticleChain(curves.prior(len(lattice.levels)), _PARTICLES, rng), False
        self._most = study.max_resource or _DEFAULT_EPOCHS
        self._look = min(self._most, max(study.min_resource, min(_LOOK, math.ceil(self._most / 8))))
        self._design = self._first_points(rng)

    def suggest(self, trials: Sequence[Trial], count: int) -> list[Suggestion]:
        found: list[Suggestion] = []
        told, first = list(trials), next_number(trials)
        for number in range(first, first + count):
            suggestion = self._next(told, number)
            if suggestion is None:
                break
            found.append(suggestion)
            told.append(Trial(number, suggestion.values, TrialState.RUNNING, continues=suggestion.continues))
        return found

    def _rng(self, number: int) -> np.random.Generator:
        return np.random.default_rng([self._study.seed & (2**63 - 1), number])

    def _first_points(self, rng: np.random.Generator) -> Ints:
        """The first points; half of them where the scores of names predict good values."""
        lattice = self._frame.lattice
        count = max(_FIRST, min(self._study.most_parallel, 50))
        spread, pool = design.spread(lattice, rng, count), lattice.uniform(rng, 4000)
        scores = NameScores.of_names(self._study.space, lattice, pool) if self._study.names else NameScores.silent()
        if not scores.known:
            return spread
        return np.concatenate([design.likely(lattice, scores.of(pool), pool, count // 2), spread[: count - count // 2]])

    def _next(self, trials: Sequence[Trial], number: int) -> Suggestion | None:
        known = configurations(self._study, trials)
        left = self._left(trials, known)
        seen = {key for one in known if (key := self._key(one.values)) is not None}
        values = self._first(trials, len(known), seen)
        table = None if values else self._table([one for one in known if not one.failed], known, number)
        if table is None:
            return self._begun(values or self._unseen(number, seen), left)
        steps = self._study.most_trials
        made = sum(trial.own for trial in trials)
        if steps is not None and steps - made <= max(1, self._study.most_parallel):
            return self._finishing(table) or self._begun(self._unseen(number, seen), left, to_the_end=True)
        need = self._most - table.configurations[table.ranked()[0]].epochs
        if left < need + self._look:
            return self._finishing(table, left)
        choices = [*self._continuing(table), *self._beginning(table, number, seen)]
        fitting = [choice for choice in choices if choice.cost + need <= left]
        best = max(fitting, key=lambda choice: choice.score, default=None)
        return best.suggestion if best else self._finishing(table, left)

    def _left(self, trials: Sequence[Trial], known: list[LadderConfiguration]) -> float:
        """Epochs that can still be assigned."""
        if self._study.epochs is None:
            return math.inf
        spent = sum(len(trial.curve) for trial in trials if trial.own)
        return self._study.epochs - spent - sum(self._goal(one) - one.epochs for one in known if one.running)

    def _goal(self, one: LadderConfiguration) -> int:
        """The epoch at which its last step presumably ends; a configuration that is already beyond it runs to the end."""
        goal = self._later(one.epochs - len(one.last.curve))
        return goal if one.epochs <= goal else self._most

    def _later(self, epochs: int) -> int:
        return min(self._most, math.ceil(_GROWTH * epochs)) if epochs else self._look

    def _first(self, trials: Sequence[Trial], index: int, seen: set[bytes]) -> dict[str, str] | None:
        """A point that doesn't depend on results: the study's starts, the best of each parent, then points far from each other."""
        told = start(self._study, index)
        if told is not None or index >= max(_FIRST, len(self._study.starts)):
            return told
        best = _best_of_parents(self._study, trials)
        rows = [row[0] for values in best if (row := self._frame.lattice.row(values)) is not None]
        for row in [*rows, *self._design][: len(self._study.starts) + _FIRST]:
            if keys(row[None, :])[0] not in seen:
                return self._frame.lattice.values(row)
        return None

    def _unseen(self, number: int, seen: set[bytes]) -> dict[str, str] | None:
        row = design.unseen(self._frame.lattice, self._rng(number), seen)
        return None if row is None else self._frame.lattice.values(row)

    def _begun(self, values: dict[str, str] | None, left: float, to_the_end: bool = False) -> Suggestion | None:
        if values is None or left < self._look:
            return None
        return Suggestion(values, until=None if to_the_end else self._until(self._look))

    def _until(self, epochs: int) -> int | None:
        return epochs if epochs < self._most else None

    def _key(self, values: Mapping[str, str]) -> bytes | None:
        row = self._frame.lattice.row(values)
        return None if row is None else keys(row[0][None, :])[0]

    def _finishing(self, table: _Table, left: float = math.inf) -> Suggestion | None:
        """The best unfinished configuration, to its end; None if that exceeds the remaining epochs."""
        for i in table.ranked():
            one = table.configurations[i]
            if not one.running and not self._over(one) and self._most - one.epochs <= left:
                return Suggestion(one.values, one.last.number)
        return None

    def _over(self, one: LadderConfiguration) -> bool:
        return one.epochs >= self._most or one.last.state is TrialState.COMPLETED

    def _time(self, epochs: Floats) -> Floats:
        return np.log(np.maximum(epochs, 1.0)) / np.log(max(self._most, 2))

    def _table(self, usable: list[LadderConfiguration], known: list[LadderConfiguration], number: int) -> _Table | None:
        rows = [(one, self._frame.lattice.row(one.values)) for one in usable]
        placed = [(one, row) for one, row in rows if row is not None]
        seen = [(one, row, looks) for (one, row), looks in zip(placed, _looks([one for one, _ in placed]), strict=True)]
        if not any(looks for _, _, looks in seen):
            return None
        owners = np.array([i for i, (_, _, looks) in enumerate(seen) for _ in looks])
        epochs = np.array([float(epoch) for _, _, looks in seen for epoch in looks])
        costs = np.array([one.costs[epoch - 1] for one, _, looks in seen for epoch in looks])
        levels = np.stack([row[0] for _, row in placed])
        observed = Observations(self._frame.points(levels[owners]), owners, self._time(epochs))
        data = self._with_failed(CurveData(observed, targets(costs), self._frame.categorical), known)
        self._chain.sweep(CurveLikelihood(data), _sweeps(len(data.observed), self._warm), self._rng(number))
        self._warm = True
        posterior = CurvePosterior.of(self._chain.some(_USED), data)
        running = np.array([i for i, (one, _) in enumerate(placed) if one.running], dtype=np.int64)
        if len(running):
            goals = np.array([float(self._goal(placed[i][0])) for i in running])
            posterior = posterior.believing(
                Observations(self._frame.points(levels[running]), running, self._time(goals))
            )
        everyone = Observations(self._frame.points(levels), np.arange(len(placed)), np.ones(len(placed)))
        return _Table([one for one, _ in placed], levels, posterior, posterior.ends(everyone))

    def _with_failed(self, data: CurveData, known: list[LadderConfiguration]) -> CurveData:
        """Adds the failed configurations with the worst value at their last epoch."""
        rows = [row[0] for one in known if one.failed and (row := self._frame.lattice.row(one.values)) is not None]
        if not rows:
            return data
        count = len(rows)
        failed = Observations(self._frame.points(np.stack(rows)), -2 - np.arange(count), np.ones(count))
        values = np.concatenate([data.values, np.full(count, data.values.max())])
        return CurveData(data.observed.and_(failed), values, data.categorical)

    def _continuing(self, table: _Table) -> list[_Choice]:
        open_ = [
            i for i, one in enumerate(table.configurations) if not one.running and not self._over(one) and one.epochs
        ]
        if not open_:
            return []
        chosen = np.array(open_)
        epochs = [table.configurations[i].epochs for i in open_]
        goals = [max(self._later(now), now + 1) for now in epochs]
        some = Observations(
            self._frame.points(table.levels[chosen]), chosen, self._time(np.array([float(goal) for goal in goals]))
        )
        gains = log_improvement(*table.posterior.lessons(some), table.record)
        return [
            _Choice(
                float(gain) - math.log(goal - now),
                Suggestion(table.configurations[i].values, table.configurations[i].last.number, self._until(goal)),
                goal - now,
            )
            for i, now, goal, gain in zip(open_, epochs, goals, gains, strict=True)
        ]

    def _beginning(self, table: _Table, number: int, seen: set[bytes]) -> list[_Choice]:
        lattice, rng = self._frame.lattice, self._rng(number)
        bases = table.levels[table.ranked()[:_BASES]]
        pool = _fresh(np.concatenate([lattice.uniform(rng, _UNIFORM), lattice.neighbours(rng, bases, _AROUND)]), seen)
        if not len(pool):
            return []
        gains = self._gains(table, pool)
        for _ in range(_ROUNDS):
            more = _fresh(lattice.neighbours(rng, pool[np.argsort(-gains)[:_LEADERS]], _NEAR), seen)
            if len(more):
                pool, gains = np.concatenate([pool, more]), np.concatenate([gains, self._gains(table, more)])
        best = int(gains.argmax())
        suggestion = Suggestion(lattice.values(pool[best]), until=self._until(self._look))
        return [_Choice(float(gains[best]) - math.log(self._look), suggestion, self._look)]

    def _gains(self, table: _Table, levels: Ints) -> Floats:
        count = len(levels)
        times = self._time(np.full(count, float(self._look)))
        some = Observations(self._frame.points(levels), np.full(count, -1), times)
        return log_improvement(*table.posterior.lessons(some), table.record)


def _sweeps(rows: int, warm: bool) -> int:
    return (8 if rows <= 30 else 4 if rows <= 80 else 2) + (0 if warm else 10)


def _looks(known: list[LadderConfiguration]) -> list[list[int]]:
    """The epochs of each configuration that are used: all informative ones of the best, the last one of the others, as long as
    there is room."""
    order = sorted(range(len(known)), key=lambda i: known[i].costs[-1] if known[i].costs else math.inf)
    looks: list[list[int]] = [[] for _ in known]
    room = _MOST_ROWS
    for place, i in enumerate(order):
        enough = room - (len(order) - place) >= _MOST_ROWS // 4
        looks[i] = (known[i].looks() if enough else known[i].looks()[-1:])[: max(room, 0)]
        room -= len(looks[i])
    return looks


def _best_of_parents(study: Study, trials: Sequence[Trial]) -> list[Mapping[str, str]]:
    best: dict[str, tuple[float, Mapping[str, str]]] = {}
    for trial in trials:
        if not trial.own and trial.result is not None:
            cost = study.cost(trial.result)
            if trial.source not in best or cost < best[trial.source][0]:
                best[trial.source] = (cost, trial.values)
    return [values for _, values in best.values()][: _FIRST // 2]


def _fresh(levels: Ints, seen: set[bytes]) -> Ints:
    return levels[[key not in seen for key in keys(levels)]]
